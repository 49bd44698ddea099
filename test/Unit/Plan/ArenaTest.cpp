//===- ArenaTest.cpp - Packing of lifetimes -------------------------------===//

#include "mixln/Transforms/Plan/Arena.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <vector>

using namespace mixln;

static void expectDisjoint(const std::vector<ArenaBlock> &blocks,
                           int64_t height) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const ArenaBlock &a = blocks[i];
    ASSERT_GE(a.offset, 0);
    ASSERT_EQ(a.offset % 64, 0);
    ASSERT_LE(a.offset + a.bytes, height);
    for (size_t j = i + 1; j < blocks.size(); ++j) {
      const ArenaBlock &b = blocks[j];
      bool inTime = a.begin <= b.end && b.begin <= a.end;
      bool inSpace =
          a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      ASSERT_FALSE(inTime && inSpace) << i << " and " << j;
    }
  }
}

TEST(Arena, BlocksOneAfterAnotherShareBytes) {
  std::vector<ArenaBlock> blocks = {
      {100, 0, 1, -1}, {100, 1, 2, -1}, {100, 2, 3, -1}, {100, 3, 4, -1}};
  EXPECT_EQ(packArena(blocks), 256);
  expectDisjoint(blocks, 256);
}

TEST(Arena, GivenOffsetsStay) {
  int64_t forever = std::numeric_limits<int64_t>::max();
  std::vector<ArenaBlock> blocks = {
      {128, 5, forever, 0}, {64, 0, 4, -1}, {64, 4, 6, -1}};
  EXPECT_EQ(packArena(blocks), 192);
  EXPECT_EQ(blocks[0].offset, 0);
  EXPECT_EQ(blocks[1].offset, 0);
  EXPECT_EQ(blocks[2].offset, 128);
}

TEST(Arena, RandomLifetimesStayNearTheBound) {
  std::mt19937 random(3);
  auto below = [&](int64_t n) {
    return std::uniform_int_distribution<int64_t>(0, n - 1)(random);
  };
  double heights = 0, bounds = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<ArenaBlock> blocks;
    for (int i = 0; i < 300; ++i) {
      int64_t begin = below(600);
      int64_t length = below(4) ? below(10) : below(300);
      blocks.push_back(
          {1 + below(100) * below(100), begin, begin + length, -1});
    }
    int64_t bound = getLiveBytes(blocks);
    int64_t height = packArena(blocks);
    expectDisjoint(blocks, height);
    ASSERT_GE(height, bound);
    heights += static_cast<double>(height);
    bounds += static_cast<double>(bound);
  }
  EXPECT_LE(heights, 1.1 * bounds);
}
