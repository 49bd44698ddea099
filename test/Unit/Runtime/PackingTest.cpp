//===- PackingTest.cpp - Documents to rows --------------------------------===//

#include "TestFiles.h"
#include "data/BinRows.h"
#include "data/Rows.h"
#include "support/Errors.h"

using namespace mixln::rt;
using Ints = std::vector<int32_t>;

static std::vector<Row> packAll(Packing packing, int64_t length,
                                const std::vector<std::vector<int>> &docs) {
  Packer packer(packing, length, 1);
  std::vector<Row> rows;
  Row row;
  for (const auto &doc : docs) {
    packer.addDocument(doc);
    while (packer.take(row))
      rows.push_back(row);
  }
  return rows;
}

TEST(Packing, Pad) {
  auto rows = packAll(Packing::Pad, 4, {{7, 8}, {5, 6, 7}, {5, 6, 7, 8}, {}});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].ids, (Ints{7, 8, 1, 0}));
  EXPECT_EQ(rows[0].labels, (Ints{7, 8, 1, -100}));
  EXPECT_EQ(rows[1].ids, (Ints{5, 6, 7, 1}));
  EXPECT_EQ(rows[1].labels, (Ints{5, 6, 7, 1}));
  EXPECT_EQ(rows[2].ids, (Ints{5, 6, 7, 1}));
  EXPECT_EQ(rows[3].ids, (Ints{1, 0, 0, 0}));
  EXPECT_EQ(rows[3].labels, (Ints{1, -100, -100, -100}));
}

TEST(Packing, Concat) {
  auto rows = packAll(Packing::Concat, 4, {{7, 8}, {5}, {2, 3, 4, 5, 6}});
  // 7 8 1 5 | 1 2 3 4 | 5 6 1: the last part is dropped.
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].ids, (Ints{7, 8, 1, 5}));
  EXPECT_EQ(rows[1].ids, (Ints{1, 2, 3, 4}));
  EXPECT_EQ(rows[1].labels, rows[1].ids);
}

static std::vector<Row> readAll(RowSource &source) {
  std::vector<Row> rows;
  Row row;
  while (source.next(row))
    rows.push_back(row);
  return rows;
}

TEST(Rows, TextTwice) {
  TestFolder folder;
  writeText(folder / "t.model", tinyTokenizer());
  writeText(folder / "a.json.gz", gzip(jsonLines({"ab", "b"})));
  writeText(folder / "b.jsonl", jsonLines({"c a"}));
  Tokenizer tokenizer(folder / "t.model");
  RowOptions options{.length = 6, .packing = Packing::Pad, .vocabSize = 30};
  auto rows =
      openRows({folder / "a.json.gz", folder / "b.jsonl"}, &tokenizer, options);
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<Row> all = readAll(*rows);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0].ids, (Ints{3, 4, 5, 1, 0, 0}));
    EXPECT_EQ(all[1].ids, (Ints{3, 5, 1, 0, 0, 0}));
    EXPECT_EQ(all[2].ids, (Ints{3, 6, 3, 4, 1, 0}));
    rows->rewind();
  }
}

static std::string little(const std::vector<int> &values, int bytes) {
  std::string out;
  for (int value : values)
    for (int i = 0; i < bytes; ++i)
      out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

TEST(BinRows, HeaderAndRaw) {
  TestFolder folder;
  BinHeader header{.idBytes = 2,
                   .packing = Packing::Pad,
                   .length = 4,
                   .ids = 8,
                   .vocabSize = 300,
                   .tokenizerHash = 5};
  std::string data = little({7, 299, 1, 0, 3, 4, 5, 1}, 2);
  writeText(folder / "pad.bin", encodeBinHeader(header) + data);
  RowOptions options{.length = 4, .packing = Packing::Pad, .vocabSize = 300};
  auto rows = readAll(*openRows({folder / "pad.bin"}, nullptr, options));
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].ids, (Ints{7, 299, 1, 0}));
  EXPECT_EQ(rows[0].labels, (Ints{7, 299, 1, -100}));
  EXPECT_EQ(rows[1].labels, (Ints{3, 4, 5, 1}));

  // Raw files are one stream, over the files too.
  writeText(folder / "r1.bin", little({1, 2, 3}, 4));
  writeText(folder / "r2.bin", little({4, 5, 6, 7}, 4));
  RowOptions raw{
      .length = 2, .packing = Packing::Concat, .vocabSize = 300, .rawBits = 32};
  rows =
      readAll(*openRows({folder / "r1.bin", folder / "r2.bin"}, nullptr, raw));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].ids, (Ints{3, 4}));
}

static std::string openFailure(const std::string &path, RowOptions options) {
  try {
    readAll(*openRows({path}, nullptr, options));
  } catch (const InputError &error) {
    return error.what();
  }
  return "";
}

TEST(BinRows, BadFiles) {
  TestFolder folder;
  BinHeader header{.idBytes = 2,
                   .packing = Packing::Pad,
                   .length = 4,
                   .ids = 4,
                   .vocabSize = 300};
  std::string good = encodeBinHeader(header) + little({7, 8, 9, 1}, 2);
  RowOptions pad{.length = 4, .packing = Packing::Pad, .vocabSize = 300};
  auto expect = [&](std::string bytes, RowOptions options,
                    const std::string &part) {
    writeText(folder / "x.bin", bytes);
    std::string message = openFailure(folder / "x.bin", options);
    EXPECT_NE(message.find("x.bin"), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(good.substr(0, 70), pad, "its header promises 4 ids");
  expect(good.substr(0, 20), pad, "its header alone has 64");
  expect("NOTMAGIC" + good.substr(8), pad, "does not begin with MIXLNBIN");
  std::string version = good;
  version[8] = 9;
  expect(version, pad, "format version 9");
  std::string width = good;
  width[12] = 3;
  expect(width, pad, "damaged header");
  std::string lying = good;
  lying[31] = 0x7f;
  expect(lying, pad, "its header promises");
  RowOptions concat = pad, longer = pad, small = pad, raw = concat;
  concat.packing = Packing::Concat;
  expect(good, concat, "was packed with --packing pad");
  longer.length = 8;
  expect(good, longer, "has rows of 4 ids, expected 8");
  small.vocabSize = 100;
  expect(good, small, "vocab_size is 100");
  raw.packing = Packing::Concat;
  raw.rawBits = 16;
  raw.vocabSize = 5;
  expect(little({1, 2, 3, 9}, 2), raw, "holds id 9");
  expect("abc", raw, "not a multiple of 2");
}
