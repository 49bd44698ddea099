//===- Toy.h - A program written by hand ------------------------*- C++ -*-===//
//
// A bigram model: logits of a position are the row of its token in a [V, V]
// table plus a bias. It has every entry, role and scalar that the runtime
// deals with, in kernels short enough to read.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_TEST_RUNTIME_TOY_H
#define MIXLN_TEST_RUNTIME_TOY_H

#include "mixln-rt/program.h"

namespace mixln::rt::toy {

constexpr const char *kTable = "model.embed_tokens.weight";
constexpr const char *kBias = "lm_head.bias";

Program makeProgram(int64_t batchSize, int64_t length, int64_t vocabSize);

extern const KernelFunction kernels[];
extern const int64_t kernelCount;

} // namespace mixln::rt::toy

#endif // MIXLN_TEST_RUNTIME_TOY_H
