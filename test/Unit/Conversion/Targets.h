//===- Targets.h - Runs a test for every kind of CPU ------------*- C++ -*-===//

#ifndef MIXLN_TEST_TARGETS_H
#define MIXLN_TEST_TARGETS_H

#include "KernelHarness.h"

#include <gtest/gtest.h>

namespace mixln::test {

/// The parameter is a CPU's name: the one running, one with AVX-512 but without
/// instructions for bf16, or one with AVX2 only.
class ForEachTarget : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto native = TargetInfo::create("native");
    if (!native)
      GTEST_SKIP() << llvm::toString(native.takeError());
    bool wide = std::string(GetParam()) != "x86-64-v3";
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
inline auto bf16TargetNames() {
  return ::testing::Values("native", "x86-64-v4", "x86-64-v3");
}

inline std::string
targetTestName(const ::testing::TestParamInfo<const char *> &info) {
  std::string name = info.param;
  return name == "native"      ? "avx512"
         : name == "x86-64-v4" ? "avx512_without_bf16"
                               : "avx2";
}

} // namespace mixln::test

#endif // MIXLN_TEST_TARGETS_H
