//===- BatchTest.cpp - Inputs that the loader makes -----------------------===//

#include "data/Batch.h"
#include "data/Loader.h"
#include "support/Errors.h"

#include <gtest/gtest.h>

using namespace mixln::rt;
using Ints = std::vector<int32_t>;

TEST(Batch, TargetsOrderSegments) {
  Ints ids = {5, 3, 5, 0, /**/ 3, 3, 1, 0};
  Ints labels = {5, 3, 5, -100, /**/ 3, 3, 1, -100};
  MicroBatch batch = makeMicroBatch(ids.data(), labels.data(), 2, 4, 6);
  EXPECT_EQ(batch.inputIds, ids);
  EXPECT_EQ(batch.targets, (Ints{3, 5, -100, -100, 3, 1, -100, -100}));
  EXPECT_EQ(batch.counted, 4);
  EXPECT_EQ(batch.tokenOrder, (Ints{3, 7, 6, 1, 4, 5, 0, 2}));
  EXPECT_EQ(batch.segmentStarts, (Ints{0, 2, 3, 6, 8, 8, 8, 8, 8}));
}

TEST(Batch, AllDistinct) {
  Ints ids = {3, 2, 1, 0};
  MicroBatch batch = makeMicroBatch(ids.data(), ids.data(), 1, 4, 4);
  EXPECT_EQ(batch.tokenOrder, (Ints{3, 2, 1, 0}));
  EXPECT_EQ(batch.segmentStarts, (Ints{0, 1, 2, 3, 4}));
}

namespace {

/// Rows 0, 1, ..., count-1; throws at row `bad`.
class CountedRows : public RowSource {
public:
  CountedRows(int count, int bad = -1) : count(count), bad(bad) {}
  bool next(Row &row) override {
    if (at == bad)
      badInput("row ", at);
    if (at == count)
      return false;
    row.ids = row.labels = {at, at};
    ++at;
    return true;
  }
  int64_t fileCount() const override { return 1; }
  void begin(const std::vector<size_t> &, const SourcePosition &from) override {
    at = static_cast<int>(from.record);
  }
  SourcePosition position() const override { return {0, at, 0}; }

private:
  int count, bad, at = 0;
};

} // namespace

static Loader makeLoader(int rows, int64_t maxEpochs, int bad = -1) {
  return Loader(
      RowStream(std::make_unique<CountedRows>(rows, bad),
                {.shuffle = false, .maxEpochs = maxEpochs}),
      {.rows = 4, .microRows = 2, .length = 2, .vocabSize = 100, .ahead = 2});
}

TEST(Loader, EpochsFollowEachOther) {
  testing::internal::CaptureStderr();
  Loader loader = makeLoader(6, 0);
  auto first = loader.next(), second = loader.next(), third = loader.next();
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(first->ids, (Ints{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(second->ids, (Ints{4, 4, 5, 5, 0, 0, 1, 1}));
  EXPECT_EQ(first->epoch, 1);
  EXPECT_EQ(second->epoch, 2);
  EXPECT_EQ(third->epoch, 2);
  EXPECT_EQ(first->micro.size(), 2u);
  EXPECT_EQ(first->counted, 4);
}

TEST(Loader, EndsAndFails) {
  Loader ends = makeLoader(9, 1);
  EXPECT_TRUE(ends.next());
  EXPECT_TRUE(ends.next());
  EXPECT_FALSE(ends.next());
  EXPECT_FALSE(ends.next());
  Loader fails = makeLoader(9, 1, 5);
  EXPECT_TRUE(fails.next());
  EXPECT_THROW(fails.next(), InputError);
  Loader empty = makeLoader(0, 0);
  EXPECT_THROW(empty.waitUntilReady(), InputError);
  Loader tooFew = makeLoader(3, 1);
  EXPECT_THROW(tooFew.waitUntilReady(), InputError);
  Loader notRead = makeLoader(100, 0);
}
