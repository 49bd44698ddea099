//===- RowPrograms.h - Row programs of training steps -----------*- C++ -*-===//

#ifndef MIXLN_TEST_ROWPROGRAMS_H
#define MIXLN_TEST_ROWPROGRAMS_H

#include "RowHarness.h"

namespace mixln::test {

struct NamedProgram {
  const char *name;
  /// The program with `rows` rows of `width` columns.
  RowProgramSpec (*make)(int64_t rows, int64_t width);
};

/// Every kind of program that a training step is made of, and every feature of
/// the operation.
llvm::ArrayRef<NamedProgram> rowPrograms();
RowProgramSpec makeProgram(llvm::StringRef name, int64_t rows, int64_t width);

} // namespace mixln::test

#endif // MIXLN_TEST_ROWPROGRAMS_H
