//===- FiniteDifferences.h - Gradients against differences ------*- C++ -*-===//

#ifndef MIXLN_INTERPRETER_FINITEDIFFERENCES_H
#define MIXLN_INTERPRETER_FINITEDIFFERENCES_H

#include "mixln/Interpreter/Interpreter.h"

#include <string>
#include <vector>

namespace mixln {

struct FiniteDifferenceOptions {
  /// Entry that stores @grad.P of every parameter P.
  std::string gradientEntry = "gradient";
  /// Entry that stores the objective's value, unscaled.
  std::string lossEntry = "loss";
  /// The gradient is that of the terms' sum, each a variable times a scalar
  /// (absent: 1). Only the first has to be there.
  struct Term {
    std::string variable, scale;
  };
  std::vector<Term> terms = {{"loss_sum", "loss_scale"},
                             {"z_loss_sum", "z_loss_scale"}};
  double step = 1e-5;
  /// Elements of each parameter that are moved, one at a time.
  int64_t samples = 6;
  uint64_t seed = 1;
};

struct FiniteDifference {
  std::string parameter;
  /// Norm of (gradient - difference) over the sampled elements and one random
  /// direction, relative to that of the gradient there (or to 1e-3 of the
  /// norm of all gradients, if that is larger: below it differences see
  /// rounding).
  double error = 0;
};

/// Holds the gradients that `gradientEntry` stores against central differences
/// of `lossEntry`, for every parameter that has a variable @grad.P, at the
/// values that the interpreter's variables have. Values that pass through
/// stop_gradient stay as they are without a perturbation. Leaves the variables
/// as they are after `gradientEntry`.
llvm::FailureOr<std::vector<FiniteDifference>>
checkFiniteDifferences(Interpreter &interpreter,
                       const FiniteDifferenceOptions &options);

/// The same for one operation: holds the directional derivatives that
/// `gradients` (cotangents of `operands`, one each; empty for none) claim,
/// given the cotangents of its results, against central differences. The
/// errors come in the order of the operands.
llvm::FailureOr<std::vector<FiniteDifference>>
checkOperation(mlir::Operation *op, llvm::ArrayRef<Array> operands,
               llvm::ArrayRef<Array> cotangents,
               llvm::ArrayRef<Array> gradients,
               const FiniteDifferenceOptions &options);

} // namespace mixln

#endif // MIXLN_INTERPRETER_FINITEDIFFERENCES_H
