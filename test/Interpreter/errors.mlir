// RUN: split-file %s %t
// RUN: not mixln-run %t/range.mlir --entry e --set ids=5 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not mixln-run %t/unknown.mlir --entry e 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mixln-run %t/range.mlir --compare %t/unknown.mlir --entry e --random-inputs 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mixln-run %t/unknown.mlir --finite-differences 2>&1 | FileCheck %s --check-prefix=NOLOSS

// What an entry does wrong is reported at the operation.
// RANGE: range.mlir:6:8: error: id 5 at row 0 is no row of a table of 3
// UNKNOWN: unknown.mlir:3:8: error: the interpreter knows no operation 'tensor.empty' on tensors
// NOLOSS: error: has no variable @loss_sum

//--- range.mlir
mixln.variable @table : tensor<3x2xf32> parameter
mixln.variable @ids : tensor<4xi32> input
mixln.entry @e {
  %t = mixln.load @table : tensor<3x2xf32>
  %i = mixln.load @ids : tensor<4xi32>
  %x = mixln.embedding %t, %i : tensor<3x2xf32>, tensor<4xi32> -> tensor<4x2xf32>
}

//--- unknown.mlir
mixln.variable @a : tensor<2xf32> output
mixln.entry @e {
  %0 = tensor.empty() : tensor<2xf32>
  mixln.store %0, @a : tensor<2xf32>
}
