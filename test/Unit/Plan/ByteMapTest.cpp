//===- ByteMapTest.cpp - Which value each byte holds ----------------------===//

#include "mixln/Transforms/Plan/VerifyPlan.h"

#include <gtest/gtest.h>

#include <random>

using namespace mixln;
using Pieces = llvm::SmallVector<ByteMap::Piece>;

TEST(ByteMap, UnwrittenBytesAreNobodys) {
  ByteMap map;
  map.write(10, 5, 7);
  EXPECT_EQ(map.read(0, 20), (Pieces{{-1, 0, 10}, {7, 0, 5}, {-1, 0, 5}}));
}

TEST(ByteMap, AWriteInTheMiddleLeavesBothEnds) {
  ByteMap map;
  map.write(0, 30, 1);
  map.write(10, 10, 2);
  EXPECT_EQ(map.read(0, 30), (Pieces{{1, 0, 10}, {2, 0, 10}, {1, 20, 10}}));
  EXPECT_EQ(map.read(12, 4), (Pieces{{2, 2, 4}}));
}

// Against an array with one entry for each byte.
TEST(ByteMap, AgreesWithAnArray) {
  std::mt19937 random(1);
  auto below = [&](int64_t n) {
    return std::uniform_int_distribution<int64_t>(0, n - 1)(random);
  };
  ByteMap map;
  std::vector<std::pair<int64_t, int64_t>> bytes(100, {-1, 0});
  for (int64_t id = 0; id < 500; ++id) {
    int64_t start = below(100), size = 1 + below(100 - start);
    map.write(start, size, id);
    for (int64_t i = 0; i < size; ++i)
      bytes[start + i] = {id, i};
    Pieces expected;
    for (auto [owner, offset] : bytes)
      ByteMap::append(expected, {owner, offset, 1});
    ASSERT_EQ(map.read(0, 100), expected) << id;
  }
}
