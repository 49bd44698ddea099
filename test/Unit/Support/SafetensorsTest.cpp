//===- SafetensorsTest.cpp - Files good and bad ---------------------------===//

#include "mixln/Support/Safetensors.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>
#include <random>

using namespace mixln;

namespace {

std::string file(const std::string &header, size_t dataBytes) {
  char size[8];
  llvm::support::endian::write64le(size, header.size());
  return std::string(size, 8) + header + std::string(dataBytes, '\0');
}

TEST(Safetensors, WhatIsWrittenIsRead) {
  llvm::SmallString<128> path;
  ASSERT_FALSE(
      llvm::sys::fs::createTemporaryFile("tensors", "safetensors", path));
  std::vector<NamedTensor> tensors{
      {"a.weight", "F64", {2, 3}, {0.1, -2, 3e300, 4, 5, 6}},
      {"b\"quoted", "F32", {2}, {0.5, -0.25}},
      {"empty", "F32", {0, 4}, {}},
      {"scalar", "I64", {}, {-9007199254740992.0}},
      {"ids", "I32", {3}, {-100, 0, 2147483647}}};
  ASSERT_FALSE(bool(writeSafetensors(path, tensors)));
  llvm::Expected<std::vector<NamedTensor>> read = readSafetensors(path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  ASSERT_EQ(read->size(), tensors.size());
  for (const NamedTensor &tensor : tensors) {
    auto found = llvm::find_if(
        *read, [&](const NamedTensor &t) { return t.name == tensor.name; });
    ASSERT_NE(found, read->end()) << tensor.name;
    EXPECT_EQ(found->type, tensor.type);
    EXPECT_EQ(found->shape, tensor.shape);
    EXPECT_EQ(found->data, tensor.data);
  }
  llvm::sys::fs::remove(path);
}

TEST(Safetensors, MetadataIsSkipped) {
  auto read = parseSafetensors(file(R"({"__metadata__": {"format": "pt"},
               "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
                                    4),
                               "f");
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->size(), 1u);
}

struct BadFile {
  std::string bytes;
  const char *error;
};

class BadFileTest : public testing::TestWithParam<BadFile> {};

TEST_P(BadFileTest, IsRefused) {
  auto read = parseSafetensors(GetParam().bytes, "weights.safetensors");
  ASSERT_FALSE(bool(read));
  std::string error = llvm::toString(read.takeError());
  EXPECT_EQ(error.find("weights.safetensors: "), 0u) << error;
  EXPECT_NE(error.find(GetParam().error), std::string::npos) << error;
}

std::string tensor(const char *dtype, const char *shape, const char *offsets,
                   size_t dataBytes) {
  return file(std::string(R"({"a": {"dtype": )") + dtype + R"(, "shape": )" +
                  shape + R"(, "data_offsets": )" + offsets + "}}",
              dataBytes);
}

INSTANTIATE_TEST_SUITE_P(
    , BadFileTest,
    testing::Values(
        BadFile{"", "has 0 bytes, too few for a header"},
        BadFile{"1234567", "has 7 bytes"},
        BadFile{std::string(8, '\xff'), "claims a header of"},
        BadFile{std::string("\x10\0\0\0\0\0\0\0{}", 10),
                "claims a header of 16 bytes in a file of 10"},
        BadFile{file("[]", 0), "does not start with '{'"},
        BadFile{file("", 0), "does not start with '{'"},
        BadFile{file("{", 0), "header: "}, BadFile{file("{} x", 0), "header: "},
        BadFile{file("{\"a\":" + std::string(100000, '[') + "}", 0),
                "nested deeper than 8 levels"},
        BadFile{file(R"({"a": 1})", 0), "tensor 'a': is not an object"},
        BadFile{file(R"({"a": {}})", 0), "tensor 'a': has no dtype"},
        BadFile{file(R"({"a": {"dtype": "F32", "x": 1}})", 0),
                "unknown key 'x'"},
        BadFile{tensor(R"("F8")", "[1]", "[0, 1]", 1),
                "tensor 'a': has dtype F8, expected F32, F64, I32 or I64"},
        BadFile{tensor(R"("F32")", "4", "[0, 16]", 16), "has no shape"},
        BadFile{tensor(R"("F32")", "[-1]", "[0, 4]", 4), "extent"},
        BadFile{tensor(R"("F32")", "[1.5]", "[0, 4]", 4), "extent"},
        BadFile{tensor(R"("F32")", "[4294967296, 4294967296]", "[0, 0]", 0),
                "overflows"},
        BadFile{tensor(R"("F32")", "[0, 9223372036854775807, 4]", "[0, 4]", 4),
                "its shape needs 0 bytes"},
        BadFile{tensor(R"("F32")", "[2]", "[0, 4]", 4),
                "has data_offsets [0, 4) but its shape needs 8 bytes"},
        BadFile{tensor(R"("F32")", "[1]", "[8, 4]", 8), "[8, 4)"},
        BadFile{tensor(R"("F32")", "[1]", "[0]", 4),
                "data_offsets that are not two integers"},
        BadFile{tensor(R"("F32")", "[1]", "[-4, 0]", 4),
                "data_offsets that are not two integers"},
        BadFile{tensor(R"("F32")", "[1]", "[0, 4]", 2),
                "tensor 'a' ends at byte 4 of 2 bytes of data"},
        BadFile{tensor(R"("F32")", "[1]", "[4, 8]", 8),
                "tensor 'a' starts at byte 4, expected 0"},
        BadFile{tensor(R"("F32")", "[1]", "[0, 4]", 8),
                "has 8 bytes of data but its tensors cover 4"},
        BadFile{file(R"({"a": {"dtype": "F32", "shape": [1],
                               "data_offsets": [0, 4]},
                         "b": {"dtype": "F32", "shape": [1],
                               "data_offsets": [2, 6]}})",
                     6),
                "tensor 'b' starts at byte 2, expected 4"},
        BadFile{tensor(R"("I64")", "[1]", "[0, 8]", 0) + std::string(8, '\x7f'),
                "beyond 2^53"}));

// Whatever a file holds, it is read or refused: nothing else happens.
TEST(Safetensors, ChangedBytesAreReadOrRefused) {
  const std::string whole =
      file(R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
           R"("b":{"dtype":"I64","shape":[2],"data_offsets":[24,40]}})",
           40);
  std::mt19937 random(11);
  size_t accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = whole;
    for (unsigned changes = 1 + random() % 3; changes > 0; --changes) {
      size_t at = random() % bytes.size();
      if (random() % 8 == 0)
        bytes.resize(at + 1);
      else if (random() % 4 == 0)
        bytes[at] = whole[random() % whole.size()];
      else
        bytes[at] = static_cast<char>(random());
    }
    auto read = parseSafetensors(bytes, "f");
    if (!read) {
      EXPECT_EQ(llvm::toString(read.takeError()).find("f: "), 0u);
      continue;
    }
    ++accepted;
    for (const NamedTensor &tensor : *read) {
      int64_t count = 1;
      for (int64_t extent : tensor.shape)
        count *= extent;
      EXPECT_EQ(count, int64_t(tensor.data.size()));
    }
  }
  EXPECT_GT(accepted, 100u);
}

TEST(Safetensors, WhatIsNoFileIsRefused) {
  for (const char *path : {"/", "/dev/null", "/no/such/file"}) {
    auto read = readSafetensors(path);
    ASSERT_FALSE(bool(read)) << path;
    EXPECT_EQ(llvm::toString(read.takeError()).find(path), 0u);
  }
  llvm::Error unwritten = writeSafetensors("/no/such/folder/file", {});
  EXPECT_TRUE(bool(unwritten));
  llvm::consumeError(std::move(unwritten));
}

} // namespace
