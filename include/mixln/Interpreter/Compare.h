//===- Compare.h - Whether two modules compute the same ---------*- C++ -*-===//

#ifndef MIXLN_INTERPRETER_COMPARE_H
#define MIXLN_INTERPRETER_COMPARE_H

#include "mixln/Interpreter/Interpreter.h"

#include <string>
#include <vector>

namespace mixln {

struct VariableError {
  std::string name;
  /// Relative norm of the difference; NaN and infinity are failures.
  double error = 0;
  /// Why it is infinite, where the numbers are not the reason.
  std::string reason;
};

/// Compares every variable that `expected` has written, except packed copies,
/// with its namesake in `found`. The norm of a difference is taken relative to
/// that of the variable; for a gradient that is smaller than 1e-4 of all
/// gradients together, relative to that: it is other terms' rounding. The worst
/// comes first.
std::vector<VariableError> compareVariables(Interpreter &expected,
                                            Interpreter &found);

} // namespace mixln

#endif // MIXLN_INTERPRETER_COMPARE_H
