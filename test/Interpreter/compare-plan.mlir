// RUN: split-file %s %t
// RUN: mixln-run %t/values.mlir --compare %t/plan.mlir --entry step --random-inputs --seed 7 | FileCheck %s --check-prefix=SAME
// RUN: not mixln-run %t/values.mlir --compare %t/wrong.mlir --entry step --random-inputs | FileCheck %s --check-prefix=WRONG
// RUN: not mixln-run %t/clobber.mlir --entry step --random-inputs 2>&1 | FileCheck %s --check-prefix=CLOBBER

// A plan on an arena computes what the values compute; a plan that gives a
// value's place away too early does not.
// SAME: 4 variables compared, worst {{.*}}, tolerance 1e-10
// WRONG: differs: y
// WRONG: 4 variables compared, worst y
// CLOBBER: error: read 1 of @add finds byte 272 that nothing has written

//--- values.mlir
mixln.variable @w : tensor<3x4xf32> parameter
mixln.variable @x : tensor<2x4xf32> input
mixln.variable @y : tensor<2x3xf32> output
mixln.variable @n : tensor<1xf32> output
mixln.entry @step {
  %w = mixln.load @w : tensor<3x4xf32>
  %x = mixln.load @x : tensor<2x4xf32>
  %h = mixln.matmul lhs(%x : tensor<2x4xf32>) rhs(%w : tensor<3x4xf32>) transpose_rhs -> tensor<2x3xf32>
  %t = mixln.matmul lhs(%x : tensor<2x4xf32>) rhs(%w : tensor<3x4xf32>) into(%h : tensor<2x3xf32>) transpose_rhs -> tensor<2x3xf32>
  %y, %n = mixln.rowwise [2] rows(%t, %h : tensor<2x3xf32>, tensor<2x3xf32>) -> rows(tensor<2x3xf32>) sums(tensor<1xf32>) {
  ^bb0(%a: vector<3xf32>, %b: vector<3xf32>):
    %0 = arith.addf %a, %b : vector<3xf32>
    %1 = vector.reduction <add>, %0 : vector<3xf32> into f32
    mixln.yield rows(%0 : vector<3xf32>) sums(%1 : f32)
  }
  mixln.store %y, @y : tensor<2x3xf32>
  mixln.store %n, @n : tensor<1xf32>
}

//--- plan.mlir
mixln.variable @w : tensor<3x4xf32> parameter {offset = 0 : i64}
mixln.variable @x : tensor<2x4xf32> input {offset = 64 : i64}
mixln.variable @y : tensor<2x3xf32> output {offset = 128 : i64}
mixln.variable @n : tensor<1xf32> output {offset = 192 : i64}
mixln.kernel @project {
^bb0(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>):
  %0 = mixln.matmul lhs(%x : tensor<2x4xf32>) rhs(%w : tensor<3x4xf32>) transpose_rhs -> tensor<2x3xf32>
}
mixln.kernel @project_into {
^bb0(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %i: tensor<2x3xf32>):
  %0 = mixln.matmul lhs(%x : tensor<2x4xf32>) rhs(%w : tensor<3x4xf32>) into(%i : tensor<2x3xf32>) transpose_rhs -> tensor<2x3xf32>
}
mixln.kernel @add {
^bb0(%t: tensor<5x3xf32>, %h: tensor<5x3xf32>):
  %y, %n = mixln.rowwise [5] rows(%t, %h : tensor<5x3xf32>, tensor<5x3xf32>) -> rows(tensor<5x3xf32>) sums(tensor<1xf32>) {
  ^bb0(%a: vector<3xf32>, %b: vector<3xf32>):
    %0 = arith.addf %a, %b : vector<3xf32>
    %1 = vector.reduction <add>, %0 : vector<3xf32> into f32
    mixln.yield rows(%0 : vector<3xf32>) sums(%1 : f32)
  }
}
mixln.entry @step {
  mixln.dispatch @project domain [] values [] reads [64, 0] : [tensor<2x4xf32>, tensor<3x4xf32>] writes [256] : [tensor<2x3xf32>]
  mixln.dispatch @project_into domain [] values [] reads [64, 0, 256] : [tensor<2x4xf32>, tensor<3x4xf32>, tensor<2x3xf32>] writes [320] : [tensor<2x3xf32>]
  mixln.dispatch @add domain [2] values [] reads [320, 256] : [tensor<2x3xf32>, tensor<2x3xf32>] writes [128, 192] : [tensor<2x3xf32>, tensor<1xf32>]
}

//--- wrong.mlir
mixln.variable @w : tensor<3x4xf32> parameter {offset = 0 : i64}
mixln.variable @x : tensor<2x4xf32> input {offset = 64 : i64}
mixln.variable @y : tensor<2x3xf32> output {offset = 128 : i64}
mixln.variable @n : tensor<1xf32> output {offset = 192 : i64}
mixln.kernel @project {
^bb0(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>):
  %0 = mixln.matmul lhs(%x : tensor<2x4xf32>) rhs(%w : tensor<3x4xf32>) transpose_rhs -> tensor<2x3xf32>
}
mixln.kernel @project_into {
^bb0(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>, %i: tensor<2x3xf32>):
  %0 = mixln.matmul lhs(%x : tensor<2x4xf32>) rhs(%w : tensor<3x4xf32>) into(%i : tensor<2x3xf32>) transpose_rhs -> tensor<2x3xf32>
}
mixln.kernel @add {
^bb0(%t: tensor<5x3xf32>, %h: tensor<5x3xf32>):
  %y, %n = mixln.rowwise [5] rows(%t, %h : tensor<5x3xf32>, tensor<5x3xf32>) -> rows(tensor<5x3xf32>) sums(tensor<1xf32>) {
  ^bb0(%a: vector<3xf32>, %b: vector<3xf32>):
    %0 = arith.addf %a, %b : vector<3xf32>
    %1 = vector.reduction <add>, %0 : vector<3xf32> into f32
    mixln.yield rows(%0 : vector<3xf32>) sums(%1 : f32)
  }
}
mixln.entry @step {
  mixln.dispatch @project domain [] values [] reads [64, 0] : [tensor<2x4xf32>, tensor<3x4xf32>] writes [256] : [tensor<2x3xf32>]
  // In place, though the value is read once more.
  mixln.dispatch @project_into domain [] values [] reads [64, 0, 256] : [tensor<2x4xf32>, tensor<3x4xf32>, tensor<2x3xf32>] writes [256] : [tensor<2x3xf32>]
  mixln.dispatch @add domain [2] values [] reads [256, 256] : [tensor<2x3xf32>, tensor<2x3xf32>] writes [128, 192] : [tensor<2x3xf32>, tensor<1xf32>]
}

//--- clobber.mlir
mixln.variable @w : tensor<3x4xf32> parameter {offset = 0 : i64}
mixln.variable @x : tensor<2x4xf32> input {offset = 64 : i64}
mixln.kernel @add {
^bb0(%t: tensor<2x4xf32>, %h: tensor<2x4xf32>):
  %y = mixln.rowwise [2] rows(%t, %h : tensor<2x4xf32>, tensor<2x4xf32>) -> rows(tensor<2x4xf32>) {
  ^bb0(%a: vector<4xf32>, %b: vector<4xf32>):
    %0 = arith.addf %a, %b : vector<4xf32>
    mixln.yield rows(%0 : vector<4xf32>)
  }
}
mixln.entry @step {
  mixln.dispatch @add domain [2] values [] reads [64, 64] : [tensor<2x4xf32>, tensor<2x4xf32>] writes [256] : [tensor<2x4xf32>]
  mixln.dispatch @add domain [2] values [] reads [64, 64] : [tensor<2x4xf32>, tensor<2x4xf32>] writes [320] : [tensor<2x4xf32>] {workspace = array<i64: 272, 48>}
  mixln.dispatch @add domain [2] values [] reads [64, 256] : [tensor<2x4xf32>, tensor<2x4xf32>] writes [384] : [tensor<2x4xf32>]
}
