// A plan from a file is compiled if it is one that this compiler could have
// made; one whose kernels would reach beyond what they were given is refused.
// RUN: mixlnc %s --compile_from plan --compile_to plan -o %t.mlir
// RUN: mixlnc %t.mlir --compile_from lower --compile_to lower -o %t.llvm.mlir
// RUN: sed 's/writes \[[0-9]*\]/writes [1048576]/' %t.mlir > %t.far.mlir
// RUN: not mixlnc %t.far.mlir --compile_from lower --compile_to lower 2>&1 | FileCheck %s --check-prefix=FAR
// RUN: sed 's/\(dispatch.*\)sizes = array<i64: 8,/\1sizes = array<i64: 800,/' %t.mlir > %t.sizes.mlir
// RUN: not mixlnc %t.sizes.mlir --compile_from lower --compile_to lower 2>&1 | FileCheck %s --check-prefix=SIZES
// RUN: sed 's/dispatch @\([^ ]*\) domain \[8\]/dispatch @\1 domain [9]/' %t.mlir > %t.domain.mlir
// RUN: not mixlnc %t.domain.mlir --compile_from lower --compile_to lower 2>&1 | FileCheck %s --check-prefix=DOMAIN
// RUN: sed 's/\(dispatch.*reads \[[0-9]*\] : \[\)tensor<8x32xf32>/\1tensor<8x16xf32>/' %t.mlir > %t.columns.mlir
// RUN: not mixlnc %t.columns.mlir --compile_from lower --compile_to lower 2>&1 | FileCheck %s --check-prefix=COLUMNS

// FAR: lies at bytes 1048576 to {{.*}} of an arena of
// SIZES: has other sizes than its kernel: 8
// DOMAIN: is read up to index 8 of a dimension of 8
// COLUMNS: argument of row operand 0 has type 'vector<32xf32>' but 'tensor<8x16xf32>' is read
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @y : tensor<8x32xf32> output
mixln.entry @double {
  %x = mixln.load @x : tensor<8x32xf32>
  %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>):
    %0 = arith.addf %a, %a : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %y, @y : tensor<8x32xf32>
}
