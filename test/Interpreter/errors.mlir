// RUN: split-file %s %t
// RUN: not mixln-run %t/range.mlir --entry e --set ids=5 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not mixln-run %t/position.mlir --entry e --set at=4 2>&1 | FileCheck %s --check-prefix=POSITION
// RUN: not mixln-run %t/unknown.mlir --entry e 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mixln-run %t/range.mlir --compare %t/unknown.mlir --entry e --random-inputs 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mixln-run %t/unknown.mlir --finite-differences 2>&1 | FileCheck %s --check-prefix=NOLOSS

// What an entry does wrong is reported at the operation.
// RANGE: range.mlir:6:8: error: id 5 at row 0 is no row of a table of 3
// POSITION: error: position is 4, expected 0 to 3
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

//--- position.mlir
mixln.variable @q : tensor<1x4xf32> parameter
mixln.variable @cos : tensor<4x1xf32> constant init = #mixln.init<rope_cos 10000.0>
mixln.variable @cache : tensor<4x4xf32> cache
mixln.variable @at : tensor<1xi32> input
mixln.entry @e {
  %q = mixln.load @q : tensor<1x4xf32>
  %c = mixln.load @cos : tensor<4x1xf32>
  %k = mixln.load @cache : tensor<4x4xf32>
  %at = mixln.load @at : tensor<1xi32>
  %ctx, %k1, %v1 = mixln.attention_step %q, %q, %q, %c, %c, %k, %k, %at {heads = 2 : i64} : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<4x1xf32>, tensor<4x1xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<1xi32> -> tensor<1x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
