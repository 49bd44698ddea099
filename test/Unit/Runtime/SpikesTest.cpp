//===- SpikesTest.cpp - Which updates are outliers ------------------------===//

#include "train/Spikes.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mixln::rt;

static double noise(int i) { return std::sin(i * 12.9898); }

TEST(Spikes, OutliersAreSeenAndOrdinaryValuesAreNot) {
  SpikeGuard guard;
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(guard.check(3 + 0.1 * noise(i), 1 + 0.2 * noise(i + 7), 5),
              nullptr)
        << i;
  EXPECT_STREQ(guard.check(5, 1, 5), "loss");
  EXPECT_STREQ(guard.check(3, 9, 5), "grad_norm");
  EXPECT_EQ(guard.check(1, 0.1, 5), nullptr); // lower is never bad
}

TEST(Spikes, TooLittleIsKnown) {
  SpikeGuard guard;
  for (size_t i = 0; i < RecentValues::kNeeded; ++i)
    EXPECT_EQ(guard.check(i == 9 ? 1e6 : 3, 1, 3), nullptr);
}

TEST(Spikes, AnotherLevelIsFollowed) {
  SpikeGuard guard;
  for (int i = 0; i < 200; ++i)
    guard.check(3 + 0.1 * noise(i), 1, 4);
  int skipped = 0;
  for (int i = 0; i < 300; ++i)
    skipped += guard.check(6 + 0.1 * noise(i), 1, 4) != nullptr;
  EXPECT_GT(skipped, 1);
  EXPECT_LT(skipped, 100);
}
