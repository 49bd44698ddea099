//===- CheckNorm.h - Holds a placement's numbers against oracles *- C++ -*-===//

#ifndef MIXLN_PIPELINES_CHECKNORM_H
#define MIXLN_PIPELINES_CHECKNORM_H

#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <string>

namespace mixln {

struct CheckNormOptions {
  /// A preset, a file, or units per layer, as --norm takes them.
  std::string norm;
  std::string normKind;
  int64_t postNum = -1;
  std::string cpu = "native";
  uint64_t seed = 1;
  /// Limit on gradients against central differences, in double precision.
  double tolerance = 1e-6;
};

/// Builds small models with the placement, at even and at odd widths and with
/// grouped key/value heads, and checks on random inputs
///
/// - every parameter's gradient against finite differences,
/// - every distinct kernel against the interpreter.
///
/// Prints what was compared. Returns the exit status: 0, 1 (numbers differ) or
/// 2 (the specification is wrong).
int checkNorm(const CheckNormOptions &options, llvm::raw_ostream &out);

struct CheckModelOptions {
  /// A model config, compiled as mixlnc would.
  std::string config;
  std::string norm;
  std::string normKind;
  int64_t postNum = -1;
  int64_t batchSize = 8;
  int64_t seqLen = 256;
  /// Rows of a chunk of the loss head; 0: the default. Where it is given, the
  /// head is always computed in chunks.
  int64_t chunkRows = 0;
  std::string dtype = "fp32";
  std::string cpu = "native";
  uint64_t seed = 1;
  /// Limit on |kernel - interpreter| / |interpreter|.
  double tolerance = 1e-5;
};

/// Holds every distinct kernel of a model, at the shapes it has there, against
/// the interpreter on sampled rows. Returns the exit status as checkNorm does.
int checkModelKernels(const CheckModelOptions &options, llvm::raw_ostream &out);

} // namespace mixln

#endif // MIXLN_PIPELINES_CHECKNORM_H
