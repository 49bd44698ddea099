//===- Targets.h - Runs a test for every kind of CPU ------------*- C++ -*-===//

#ifndef MIXLN_TEST_TARGETS_H
#define MIXLN_TEST_TARGETS_H

#include "KernelHarness.h"

#include <gtest/gtest.h>

namespace mixln::test {

/// The parameter is a CPU's name: the one running, or one with AVX2 only.
class ForEachTarget : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto native = TargetInfo::create("native");
    if (!native)
      GTEST_SKIP() << llvm::toString(native.takeError());
    bool wide = std::string(GetParam()) == "native";
    if (wide && native->lanes < 16)
      GTEST_SKIP() << "this CPU (" << native->cpu << ") has no AVX-512";
    auto chosen = TargetInfo::create(GetParam());
    ASSERT_TRUE(static_cast<bool>(chosen));
    target = *chosen;
  }

  Kernels &load(llvm::function_ref<void(KernelBuilder &)> emit) {
    kernels = std::make_unique<Kernels>(target);
    emit(kernels->getBuilder());
    kernels->compile();
    return *kernels;
  }

private:
  TargetInfo target;
  std::unique_ptr<Kernels> kernels;
};

inline auto targetNames() { return ::testing::Values("native", "x86-64-v3"); }

inline std::string
targetTestName(const ::testing::TestParamInfo<const char *> &info) {
  return std::string(info.param) == "native" ? "avx512" : "avx2";
}

} // namespace mixln::test

#endif // MIXLN_TEST_TARGETS_H
