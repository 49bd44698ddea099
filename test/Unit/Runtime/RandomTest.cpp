//===- RandomTest.cpp -----------------------------------------------------===//

#include "random/Philox.h"

#include <cmath>
#include <gtest/gtest.h>
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
