//===- TargetInfoTest.cpp - Facts about CPUs ------------------------------===//

#include "mixln/Support/TargetInfo.h"

#include <gtest/gtest.h>

using namespace mixln;

namespace {

TEST(TargetInfo, KnowsWidths) {
  auto wide = TargetInfo::create("znver4");
  ASSERT_TRUE(static_cast<bool>(wide));
  EXPECT_EQ(wide->lanes, 16);
  EXPECT_EQ(wide->vectorRegisters, 32);
  EXPECT_TRUE(wide->hasBF16);
  const auto &names = wide->requiredFeatures();
  EXPECT_EQ(std::count(names.begin(), names.end(), "avx512f"), 1);

  auto narrow = TargetInfo::create("x86-64-v3");
  ASSERT_TRUE(static_cast<bool>(narrow));
  EXPECT_EQ(narrow->lanes, 8);
  const auto &least = narrow->requiredFeatures();
  EXPECT_EQ(std::count(least.begin(), least.end(), "avx2"), 1);
  EXPECT_EQ(std::count(least.begin(), least.end(), "bmi2"), 1);
  EXPECT_EQ(std::count(least.begin(), least.end(), "avx512f"), 0);

  // Its list of features names only what others do not imply.
  auto generic = TargetInfo::create("x86-64-v4");
  ASSERT_TRUE(static_cast<bool>(generic));
  EXPECT_EQ(generic->lanes, 16);
}

TEST(TargetInfo, NamesWhatNewCpusAdd) {
  auto target = TargetInfo::create("diamondrapids");
  ASSERT_TRUE(static_cast<bool>(target));
  EXPECT_EQ(target->lanes, 16);
  EXPECT_TRUE(target->hasBF16);
  const auto &names = target->requiredFeatures();
  for (const char *name : {"avx512bf16", "avx10.2", "egpr", "ndd", "ccmp"})
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 1) << name;

  auto wide = TargetInfo::create("x86-64-v4");
  ASSERT_TRUE(static_cast<bool>(wide));
  EXPECT_FALSE(wide->hasBF16);
}

TEST(TargetInfo, RefusesWithAReason) {
  auto unknown = TargetInfo::create("znver44");
  ASSERT_FALSE(static_cast<bool>(unknown));
  EXPECT_NE(llvm::toString(unknown.takeError()).find("unknown CPU 'znver44'"),
            std::string::npos);
  auto old = TargetInfo::create("x86-64");
  ASSERT_FALSE(static_cast<bool>(old));
  EXPECT_NE(llvm::toString(old.takeError()).find("lacks avx2 or fma"),
            std::string::npos);
}

} // namespace
