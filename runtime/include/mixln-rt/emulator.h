//===- emulator.h - GPU kernels as code of this CPU -------------*- C++ -*-===//
//
// What `mixlnc --emulator` puts into an executable, and what that code calls.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_EMULATOR_H
#define MIXLN_RT_EMULATOR_H

#include <cstdint>

namespace mixln::rt {

/// Runs one thread of one block of one phase: which one, it asks mixln_emu_*.
using EmulatedKernel = void (*)(void *const *pointers, const int64_t *sizes,
                                const float *values);

/// A phase of a kernel. All null where the kernel is a library's.
struct EmulatedPhase {
  EmulatedKernel run;
  int64_t waits;             ///< 1: its threads wait for each other
  int64_t staticSharedBytes; ///< in front of the dynamic shared memory
  /// Bit i: pointer i is read through the cache that sees no writes (noalias
  /// and readonly), so nothing may write there during the launch.
  uint64_t constantPointers;
};

/// Instructions of x86 that the code needs, LLVM's names: it is compiled for
/// x86-64-v3.
inline constexpr const char *kEmulatorFeatures[] = {
    "avx", "avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe"};

} // namespace mixln::rt

// Weak: an executable may have been compiled without.
extern "C" {
extern const mixln::rt::EmulatedPhase mixln_emulated_kernels[]
    __attribute__((weak));
extern const int64_t mixln_emulated_count __attribute__((weak));
}

#endif // MIXLN_RT_EMULATOR_H
