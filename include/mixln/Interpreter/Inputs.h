//===- Inputs.h - Values to start an interpreter with -----------*- C++ -*-===//
//
// Element i of a variable is a function of (seed, name, i) alone: two modules
// that share variables get equal values in them.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_INTERPRETER_INPUTS_H
#define MIXLN_INTERPRETER_INPUTS_H

#include "mixln/Interpreter/Interpreter.h"

namespace mixln {

/// Numbers that depend on (seed, name, index) alone.
class NamedRandom {
public:
  NamedRandom(uint64_t seed, llvm::StringRef name);
  /// In [0, 1).
  double uniform(uint64_t index) const;
  double normal(uint64_t index) const;

private:
  uint64_t key;
};

/// Gives every variable that has an `init` its initial value, and every moment
/// zero.
llvm::LogicalResult initializeVariables(Interpreter &interpreter,
                                        uint64_t seed);

/// Gives every parameter, gradient, moment, input, scalar and constant a value
/// that makes every part of a step count: gains near their initial value, ids
/// in [0, vocabulary), some targets -100, a token order that fits the ids.
llvm::LogicalResult fillRandomly(Interpreter &interpreter, uint64_t seed);

/// Sets @token_order and @segment_starts, where the module has them, from
/// @input_ids.
llvm::LogicalResult setTokenOrder(Interpreter &interpreter);

} // namespace mixln

#endif // MIXLN_INTERPRETER_INPUTS_H
