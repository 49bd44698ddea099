//===- RowFunctions.h - Row programs as Python functions --------*- C++ -*-===//

#ifndef MIXLN_LIB_TARGET_PYTHON_ROWFUNCTIONS_H
#define MIXLN_LIB_TARGET_PYTHON_ROWFUNCTIONS_H

#include "mixln/IR/Mixln.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

#include <string>

namespace mixln {

/// The distinct row programs of a module, each as one function
///
///     def attention_combine(x0, x1, w0, c0):
///
/// of its row operands, shared operands and numbers. A row is a tensor
/// [..., N]; what is one number a row is [..., 1]. A program without row
/// operands has `rows` [R, 1] as its first argument, for the number of rows.
class RowFunctions {
public:
  /// The name of the function that computes `op`; programs with equal text
  /// share it.
  mlir::FailureOr<std::string> nameOf(RowwiseOp op);

  /// All functions, in the order in which they were first asked for.
  std::string print() const;

private:
  llvm::StringMap<std::string> names;   ///< by the text without the name
  llvm::StringMap<unsigned> used;       ///< how often a name was wanted
  llvm::SmallVector<std::string> texts; ///< with names
};

/// `text` with everything but letters, digits and '_' as '_'.
std::string pythonName(llvm::StringRef text);

/// A number as Python writes it: the shortest text that is the same float.
std::string pythonNumber(double value, bool isFloat32);

} // namespace mixln

#endif // MIXLN_LIB_TARGET_PYTHON_ROWFUNCTIONS_H
