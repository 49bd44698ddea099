//===- RunEntries.h - Entries in the interpreter ----------------*- C++ -*-===//

#ifndef MIXLN_PIPELINES_RUNENTRIES_H
#define MIXLN_PIPELINES_RUNENTRIES_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mixln {

struct RunOptions {
  std::string module; ///< an .mlir file, or "-"
  /// In this order; of finite differences one, by default `gradient`.
  std::vector<std::string> entries;
  /// Safetensors files whose tensors are the variables that they name.
  std::vector<std::string> inputs;
  /// NAME=VALUE or NAME*=VALUE: every element of a variable.
  std::vector<std::string> sets;
  bool randomInputs = false; ///< fill every variable that an entry reads
  uint64_t seed = 1;         ///< of random inputs and initial values

  std::string outputs; ///< safetensors file to write, or empty
  bool f64 = false;    ///< in double precision

  /// Another module whose entries must give the same variables.
  std::string compare;
  /// Hold the gradients of the entry against the entry `loss`.
  bool finiteDifferences = false;
  double step = 1e-5;
  int64_t samples = 6; ///< elements of each parameter that are moved
  /// Largest relative error; absent: 1e-10, of finite differences 1e-6.
  std::optional<double> tolerance;
};

/// Runs entries of a module in double precision; what was compared is printed
/// on standard output. Returns the exit status: 0, 1 (numbers differ) or 2 (bad
/// input).
int runEntries(const RunOptions &options);

} // namespace mixln

#endif // MIXLN_PIPELINES_RUNENTRIES_H
