//===- CheckNorm.h - Holds a placement's numbers against oracles -*- C++
//-*-===//

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

} // namespace mixln

#endif // MIXLN_PIPELINES_CHECKNORM_H
