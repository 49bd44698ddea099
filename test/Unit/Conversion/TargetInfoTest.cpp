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
  auto names = wide->requiredFeatures();
  EXPECT_EQ(std::count(names.begin(), names.end(), "avx512f"), 1);

  auto narrow = TargetInfo::create("x86-64-v3");
  ASSERT_TRUE(static_cast<bool>(narrow));
  EXPECT_EQ(narrow->lanes, 8);
  EXPECT_EQ(narrow->requiredFeatures(),
            (std::vector<std::string>{"avx2", "fma"}));
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
