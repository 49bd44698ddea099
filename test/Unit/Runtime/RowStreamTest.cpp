//===- RowStreamTest.cpp - Order and place of rows ------------------------===//

#include "data/RowStream.h"
#include "TestFiles.h"
#include "data/BinRows.h"
#include "support/Errors.h"

#include <algorithm>
#include <optional>
#include <set>

using namespace mixln::rt;
using Ints = std::vector<int32_t>;

namespace {

/// Three files of text, and the same tokens in three .bin files.
struct Text {
  TestFolder folder;
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<std::string> files;

  Text() {
    writeText(folder / "t.model", tinyTokenizer());
    tokenizer = std::make_unique<Tokenizer>(folder / "t.model");
    for (int file = 0; file < 3; ++file) {
      std::vector<std::string> texts;
      for (int i = 0; i < 20; ++i) {
        std::string word(1 + i % 7, static_cast<char>('a' + file));
        texts.push_back(word + std::string(1, static_cast<char>('a' + i)));
      }
      std::string name = folder / ("d" + std::to_string(file) +
                                   (file == 1 ? ".jsonl" : ".json.gz"));
      std::string lines = jsonLines(texts) + "broken\n";
      writeText(name, file == 1 ? lines : gzip(lines));
      files.push_back(name);
    }
  }

  RowStream open(Packing packing, StreamOptions options,
                 const StreamPosition &from = {}) const {
    RowOptions rows{.length = 6, .packing = packing, .vocabSize = 30};
    return RowStream(openRows(files, tokenizer.get(), rows), options, from);
  }
};

/// Silences what is said about broken lines and epochs.
struct Quiet {
  Quiet() { testing::internal::CaptureStderr(); }
  ~Quiet() { testing::internal::GetCapturedStderr(); }
};

std::vector<Ints> take(RowStream &stream, int count) {
  std::vector<Ints> rows;
  Row row;
  for (int i = 0; i < count && stream.next(row); ++i)
    rows.push_back(row.labels);
  return rows;
}

} // namespace

// Rows are made of texts when they are asked for, those of long texts at once.
TEST(RowStream, RowsMadeLateAreThoseOfTheSource) {
  TestFolder folder;
  writeText(folder / "t.model", tinyTokenizer());
  Tokenizer tokenizer(folder / "t.model");
  std::vector<std::string> texts;
  for (size_t length : {3, 20000, 1, 40, 17000, 5}) {
    std::string text(length, 'a');
    for (size_t i = 0; i < length; ++i)
      text[i] = static_cast<char>('a' + (i + length) % 26);
    texts.push_back(text);
  }
  writeText(folder / "d.jsonl", jsonLines(texts));
  RowOptions options{.length = 12, .packing = Packing::Pad, .vocabSize = 30};
  std::vector<std::string> files = {folder / "d.jsonl"};
  auto source = openRows(files, &tokenizer, options);
  std::vector<Ints> expected, ids;
  for (Row row; source->next(row);) {
    expected.push_back(row.labels);
    ids.push_back(row.ids);
  }
  ASSERT_EQ(expected.size(), texts.size());
  RowStream stream(openRows(files, &tokenizer, options),
                   {.shuffle = false, .maxEpochs = 1});
  Row row;
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(stream.next(row));
    EXPECT_EQ(row.labels, expected[i]) << i;
    EXPECT_EQ(row.ids, ids[i]) << i;
  }
  EXPECT_FALSE(stream.next(row));
}

TEST(RowStream, EveryEpochHasEveryRowOnceInAnotherOrder) {
  Text text;
  Quiet quiet;
  StreamOptions plain{.shuffle = false, .maxEpochs = 1};
  RowStream inOrder = text.open(Packing::Pad, plain);
  std::vector<Ints> files = take(inOrder, 1000);
  ASSERT_EQ(files.size(), 60u);
  RowStream stream = text.open(Packing::Pad, {.window = 16});
  std::vector<Ints> first = take(stream, 60);
  EXPECT_EQ(stream.epoch(), 1);
  std::vector<Ints> second = take(stream, 60);
  EXPECT_EQ(stream.epoch(), 2);
  EXPECT_NE(first, files);
  EXPECT_NE(first, second);
  RowStream again = text.open(Packing::Pad, {.window = 16});
  EXPECT_EQ(take(again, 60), first);
  RowStream other = text.open(Packing::Pad, {.seed = 33, .window = 16});
  EXPECT_NE(take(other, 60), first);
  for (auto *epoch : {&files, &first, &second})
    std::sort(epoch->begin(), epoch->end());
  EXPECT_EQ(first, files);
  EXPECT_EQ(second, files);
}

TEST(RowStream, GoesOnFromAnyPlace) {
  Text text;
  Quiet quiet;
  for (Packing packing : {Packing::Pad, Packing::Concat})
    for (bool shuffle : {true, false})
      for (int64_t window : {1, 7, 1000}) {
        StreamOptions options{.shuffle = shuffle, .window = window};
        RowStream whole = text.open(packing, options);
        std::vector<Ints> rows = take(whole, 150);
        for (int before : {0, 1, 6, 7, 8, 33, 59, 60, 61, 100}) {
          RowStream start = text.open(packing, options);
          take(start, before);
          RowStream rest = text.open(packing, options, start.position());
          EXPECT_EQ(take(rest, 50),
                    std::vector<Ints>(rows.begin() + before,
                                      rows.begin() + before + 50))
              << before << " " << shuffle << " " << window;
        }
      }
}

// Threads make rows and tokens ahead; what comes, and the places it can be gone
// on from, are those of one thread.
TEST(RowStream, WorkersChangeNoRowAndNoPlace) {
  Text text;
  Quiet quiet;
  for (Packing packing : {Packing::Pad, Packing::Concat})
    for (bool shuffle : {true, false}) {
      auto open = [&](int workers, const StreamPosition &from) {
        RowOptions rows{.length = 6,
                        .packing = packing,
                        .vocabSize = 30,
                        .workers = workers};
        return RowStream(openRows(text.files, text.tokenizer.get(), rows),
                         {.shuffle = shuffle, .window = 7, .workers = workers},
                         from);
      };
      RowStream one = open(1, {});
      std::optional<RowStream> four(open(4, {}));
      for (int update = 0; update < 30; ++update) {
        std::vector<Row> rows;
        ASSERT_TRUE(four->next(5, rows));
        for (const Row &made : rows) {
          Row row;
          ASSERT_TRUE(one.next(row));
          ASSERT_EQ(made.ids, row.ids) << update;
          ASSERT_EQ(made.labels, row.labels) << update;
        }
        ASSERT_EQ(four->position(), one.position()) << update;
        ASSERT_EQ(four->epoch(), one.epoch());
        if (update % 7 == 3)
          four.emplace(open(4, four->position()));
      }
    }
}

TEST(RowStream, WorkersEndWhereTheDataEnd) {
  Text text;
  Quiet quiet;
  for (int workers : {1, 4}) {
    RowOptions options{.length = 6,
                       .packing = Packing::Pad,
                       .vocabSize = 30,
                       .workers = workers};
    RowStream stream(openRows(text.files, text.tokenizer.get(), options),
                     {.window = 16, .maxEpochs = 1, .workers = workers});
    std::vector<Row> rows;
    EXPECT_TRUE(stream.next(50, rows));
    EXPECT_FALSE(stream.next(11, rows));
  }
}

TEST(RowStream, LongDocumentsAreCutAtTheSamePlace) {
  TestFolder folder;
  Quiet quiet;
  writeText(folder / "t.model", tinyTokenizer());
  Tokenizer tokenizer(folder / "t.model");
  std::string longText;
  for (int i = 0; i < 400; ++i)
    longText += static_cast<char>('a' + i * i % 26);
  writeText(folder / "d.jsonl", jsonLines({"ab", longText, "c", longText}));
  RowOptions rows{.length = 6, .packing = Packing::Concat, .vocabSize = 30};
  StreamOptions options{.shuffle = false, .window = 5, .maxEpochs = 2};
  auto open = [&](const StreamPosition &from) {
    return RowStream(openRows({folder / "d.jsonl"}, &tokenizer, rows), options,
                     from);
  };
  RowStream whole = open({});
  std::vector<Ints> all = take(whole, 10000);
  EXPECT_GT(all.size(), 2 * (800u / 6));
  RowStream stream = open({});
  Row row;
  for (size_t i = 0; i < all.size(); i += 3) {
    RowStream rest = open(stream.position());
    ASSERT_TRUE(rest.next(row));
    EXPECT_EQ(row.labels, all[i]) << i;
    take(stream, 3);
  }
}

TEST(RowStream, TokenizedFiles) {
  TestFolder folder;
  Quiet quiet;
  std::vector<std::string> files;
  for (int file = 0; file < 3; ++file) {
    std::string bytes;
    for (int i = 0; i < 25 + file; ++i)
      bytes += std::string{static_cast<char>(file * 30 + i), '\0'};
    files.push_back(folder / ("r" + std::to_string(file) + ".bin"));
    writeText(files.back(), bytes);
  }
  RowOptions rows{
      .length = 4, .packing = Packing::Concat, .vocabSize = 300, .rawBits = 16};
  for (bool shuffle : {true, false}) {
    StreamOptions options{.shuffle = shuffle, .window = 3};
    RowStream whole(openRows(files, nullptr, rows), options);
    std::vector<Ints> all = take(whole, 60);
    for (int before = 0; before < 40; ++before) {
      RowStream start(openRows(files, nullptr, rows), options);
      take(start, before);
      RowStream rest(openRows(files, nullptr, rows), options, start.position());
      EXPECT_EQ(take(rest, 20), std::vector<Ints>(all.begin() + before,
                                                  all.begin() + before + 20));
    }
  }
}

TEST(RowStream, PlacesThatAreNotThere) {
  Text text;
  Quiet quiet;
  StreamPosition beyond;
  beyond.source = {1, 1000, 0};
  RowStream stream = text.open(Packing::Pad, {}, beyond);
  Row row;
  EXPECT_THROW(stream.next(row), InputError);
}

TEST(RowStream, CancelEndsALongRead) {
  Text text;
  Quiet quiet;
  RowStream stream = text.open(Packing::Pad, {.window = 1 << 20});
  stream.cancel();
  Row row;
  EXPECT_THROW(stream.next(row), RunError);
}
