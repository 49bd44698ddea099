//===- RandomTest.cpp -----------------------------------------------------===//

#include "random/Philox.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numbers>
#include <vector>

using namespace mixln::rt;

// The known answers of the generator's authors.
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, NormalMoments) {
  std::vector<float> values(200000);
  fillNormal(streamKey(7, "w"), 0, values.size(), 0.02, values.data());
  double sum = 0, squares = 0, fourth = 0;
  for (float x : values) {
    double z = x / 0.02;
    sum += z;
    squares += z * z;
    fourth += z * z * z * z;
  }
  double n = double(values.size());
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.015);
  EXPECT_NEAR(fourth / n, 3, 0.1);
}

// Whatever the CPU's vectors: the numbers are those of the C library.
TEST(Philox, NormalBits) {
  auto key = streamKey(3, "model.embed_tokens.weight");
  auto uniform = [](uint32_t high, uint32_t low) {
    uint64_t bits = (uint64_t(high) << 32 | low) >> 11;
    return double(bits + 1) * 0x1p-53;
  };
  for (int64_t first : {int64_t(0), (int64_t(1) << 33) - 1001}) {
    std::vector<float> values(2000000);
    fillNormal(key, first, values.size(), 0.02, values.data());
    int64_t different = 0;
    for (int64_t i = 0; i < int64_t(values.size()); ++i) {
      uint64_t block = uint64_t(first + i) / 2;
      auto words =
          philox4x32({uint32_t(block), uint32_t(block >> 32), 0, 0}, key);
      double radius =
          0.02 * std::sqrt(-2 * std::log(uniform(words[0], words[1])));
      double angle = 2 * std::numbers::pi * uniform(words[2], words[3]);
      double value =
          radius * ((first + i) % 2 ? std::sin(angle) : std::cos(angle));
      different += values[i] != static_cast<float>(value);
    }
    EXPECT_EQ(different, 0) << first;
  }
}

TEST(Philox, AnyPartIsTheSame) {
  std::vector<float> whole(101), part(50);
  auto key = streamKey(0, "model.norm.weight");
  fillNormal(key, 0, 101, 1, whole.data());
  for (int first : {0, 1, 33, 51}) {
    fillNormal(key, first, 50, 1, part.data());
    for (int i = 0; i < 50; ++i)
      EXPECT_EQ(part[i], whole[first + i]);
  }
  EXPECT_NE(streamKey(0, "a"), streamKey(0, "b"));
  EXPECT_NE(streamKey(0, "a"), streamKey(1, "a"));
}
