//===- SafetensorsTest.cpp ------------------------------------------------===//

#include "checkpoint/Safetensors.h"
#include "TestFiles.h"
#include "support/Errors.h"

using namespace mixln::rt;

static std::string fileOf(const std::string &header, size_t dataBytes,
                          int64_t claimed = -1) {
  uint64_t size = claimed >= 0 ? claimed : header.size();
  std::string out;
  for (int i = 0; i < 8; ++i)
    out.push_back(static_cast<char>(size >> (8 * i)));
  return out + header + std::string(dataBytes, '\1');
}

TEST(Safetensors, WriteAndRead) {
  TestFolder folder;
  std::vector<float> a = {1, 2, 3, 4, 5, 6};
  std::vector<int32_t> b = {-100, 7};
  writeSafetensors(folder / "x",
                   {storeFrom("a", "F32", {2, 3}, a.data()),
                    storeFrom("b", "I32", {2}, b.data()),
                    storeFrom("none", "F32", {0, 5}, nullptr)},
                   {{"format", "pt"}});
  EXPECT_EQ(folder.list(), std::vector<std::string>{"x"});
  SafetensorsFile file(folder / "x");
  EXPECT_EQ(file.tensors().size(), 3u);
  std::vector<float> readA(6);
  const StoredTensor &stored = file.get("a", "F32", {2, 3});
  EXPECT_EQ(stored.offset % 8, 0);
  file.read(stored, 0, readA.data(), stored.bytes);
  EXPECT_EQ(readA, a);
  EXPECT_THROW(file.get("a", "I32"), InputError);
  EXPECT_THROW(file.get("a", "F32", {3, 2}), InputError);
  EXPECT_THROW(file.get("c", "F32"), InputError);
  EXPECT_NE(readText(folder / "x").find(R"("__metadata__":{"format":"pt"})"),
            std::string::npos);
}

TEST(Safetensors, BadFiles) {
  auto tensor = [](const char *dtype, const char *shape, const char *offsets) {
    return std::string("{\"w\":{\"dtype\":\"") + dtype +
           "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
  };
  std::string good = tensor("F32", "[2]", "[0,8]");
  struct Case {
    std::string bytes, part;
  };
  const Case cases[] = {
      {"", "has 0 bytes"},
      {"abc", "has 3 bytes"},
      {fileOf(good, 8, int64_t(1) << 62), "claims a header of"},
      {fileOf(good, 0, 1000), "claims a header of 1000"},
      {fileOf("not json", 8), "not a JSON object"},
      {fileOf("[1]", 8), "not a JSON object"},
      {fileOf(std::string(5000, '['), 8), "nested deeper than 8 levels"},
      {fileOf(good, 4), "tensor w claims data bytes 0 to 8"},
      {fileOf(good, 12), "4 bytes after its last tensor"},
      {fileOf(tensor("F32", "[2]", "[8,0]"), 8), "claims data bytes 8 to 0"},
      {fileOf(tensor("F32", "[2]", "[-8,0]"), 8), "is not described"},
      {fileOf(tensor("F32", "[2]", "[0,8,9]"), 8), "is not described"},
      {fileOf(tensor("F32", "[2.5]", "[0,8]"), 8), "is not described"},
      {fileOf(tensor("F32", "2", "[0,8]"), 8), "is not described"},
      {fileOf("{\"w\":3}", 8), "is not described"},
      {fileOf(tensor("F99", "[2]", "[0,8]"), 8), "unknown dtype F99"},
      {fileOf(tensor("F32", "[3]", "[0,8]"), 8), "claims 8 bytes, expected 12"},
      {fileOf(tensor("F32", "[4611686018427387904,4]", "[0,8]"), 8),
       "more than fits"},
      {fileOf("{\"a\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[0,6]},"
              "\"b\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[2,8]}}",
              8),
       "tensor b overlaps"},
      {fileOf("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
              "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
              8),
       "2 bytes before tensor b"},
  };
  TestFolder folder;
  for (const Case &c : cases) {
    writeText(folder / "bad.safetensors", c.bytes);
    try {
      SafetensorsFile file(folder / "bad.safetensors");
      ADD_FAILURE() << "no error: " << c.part;
    } catch (const InputError &error) {
      std::string text = error.what();
      EXPECT_NE(text.find(c.part), std::string::npos) << text;
      EXPECT_NE(text.find("bad.safetensors"), std::string::npos) << text;
    }
  }
  EXPECT_THROW(SafetensorsFile(folder / "missing"), InputError);
  EXPECT_THROW(SafetensorsFile(folder.path), InputError);
}

TEST(Safetensors, NothingIsLeftOfAFailedWrite) {
  TestFolder folder;
  TensorToStore fails{
      "w", "F32", {4}, [](int64_t, void *, int64_t) { runFailed("no data"); }};
  EXPECT_THROW(writeSafetensors(folder / "x", {fails}), RunError);
  EXPECT_TRUE(folder.list().empty());
  EXPECT_THROW(writeSafetensors(folder / "no/such/folder", {}), InputError);
}
