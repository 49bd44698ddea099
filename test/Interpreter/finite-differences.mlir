// RUN: mixln-run %s --finite-differences --random-inputs | FileCheck %s
// RUN: not mixln-run %s --finite-differences --entry wrong --random-inputs | FileCheck %s --check-prefix=WRONG

// A gradient written by hand agrees with differences, also where a part of
// the loss passes through stop_gradient; one that forgets a factor does not.
// CHECK: agrees: w
// CHECK: agrees: g
// CHECK: 2 gradients held against differences, 0 differ
// WRONG: differs: w
// WRONG: agrees: g
// WRONG: 2 gradients held against differences, 1 differ

mixln.variable @x : tensor<4x3xf32> input
mixln.variable @w : tensor<5x3xf32> parameter
mixln.variable @g : tensor<5xf32> parameter init = #mixln.init<constant 1.0>
mixln.variable @grad.w : tensor<5x3xf32> gradient of @w
mixln.variable @grad.g : tensor<5xf32> gradient of @g
mixln.variable @loss_scale : tensor<1xf32> scalar
mixln.variable @loss_sum : tensor<1xf32> output

// loss = sum over rows of sum((g * y) * stop_gradient(y) + y), y = x w^T
mixln.entry @loss {
  %x = mixln.load @x : tensor<4x3xf32>
  %w = mixln.load @w : tensor<5x3xf32>
  %g = mixln.load @g : tensor<5xf32>
  %y = mixln.matmul lhs(%x : tensor<4x3xf32>) rhs(%w : tensor<5x3xf32>) transpose_rhs -> tensor<4x5xf32>
  %loss = mixln.rowwise [4] rows(%y : tensor<4x5xf32>) shared(%g : tensor<5xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<5xf32>, %gain: vector<5xf32>):
    %0 = mixln.stop_gradient %a : vector<5xf32>
    %1 = arith.mulf %gain, %a : vector<5xf32>
    %2 = arith.mulf %1, %0 : vector<5xf32>
    %3 = arith.addf %2, %a : vector<5xf32>
    %4 = vector.reduction <add>, %3 : vector<5xf32> into f32
    mixln.yield sums(%4 : f32)
  }
  mixln.store %loss, @loss_sum : tensor<1xf32>
}

mixln.entry @gradient {
  %x = mixln.load @x : tensor<4x3xf32>
  %w = mixln.load @w : tensor<5x3xf32>
  %g = mixln.load @g : tensor<5xf32>
  %s = mixln.load @loss_scale : tensor<1xf32>
  %y = mixln.matmul lhs(%x : tensor<4x3xf32>) rhs(%w : tensor<5x3xf32>) transpose_rhs -> tensor<4x5xf32>
  %dy, %dg = mixln.rowwise [4] rows(%y : tensor<4x5xf32>) shared(%g, %s : tensor<5xf32>, tensor<1xf32>) -> rows(tensor<4x5xf32>) sums(tensor<5xf32>) {
  ^bb0(%a: vector<5xf32>, %gain: vector<5xf32>, %scale: f32):
    %c = vector.broadcast %scale : f32 to vector<5xf32>
    %0 = arith.mulf %gain, %a : vector<5xf32>
    %1 = arith.mulf %0, %c : vector<5xf32>
    %2 = arith.addf %1, %c : vector<5xf32>
    %3 = arith.mulf %a, %a : vector<5xf32>
    %4 = arith.mulf %3, %c : vector<5xf32>
    mixln.yield rows(%2 : vector<5xf32>) sums(%4 : vector<5xf32>)
  }
  %dw = mixln.matmul lhs(%dy : tensor<4x5xf32>) rhs(%x : tensor<4x3xf32>) transpose_lhs -> tensor<5x3xf32>
  mixln.store %dw, @grad.w : tensor<5x3xf32>
  mixln.store %dg, @grad.g : tensor<5xf32>
}

mixln.entry @wrong {
  %x = mixln.load @x : tensor<4x3xf32>
  %w = mixln.load @w : tensor<5x3xf32>
  %g = mixln.load @g : tensor<5xf32>
  %s = mixln.load @loss_scale : tensor<1xf32>
  %y = mixln.matmul lhs(%x : tensor<4x3xf32>) rhs(%w : tensor<5x3xf32>) transpose_rhs -> tensor<4x5xf32>
  %dy, %dg = mixln.rowwise [4] rows(%y : tensor<4x5xf32>) shared(%g, %s : tensor<5xf32>, tensor<1xf32>) -> rows(tensor<4x5xf32>) sums(tensor<5xf32>) {
  ^bb0(%a: vector<5xf32>, %gain: vector<5xf32>, %scale: f32):
    %c = vector.broadcast %scale : f32 to vector<5xf32>
    %1 = arith.mulf %a, %c : vector<5xf32>
    %2 = arith.addf %1, %c : vector<5xf32>
    %3 = arith.mulf %a, %a : vector<5xf32>
    %4 = arith.mulf %3, %c : vector<5xf32>
    mixln.yield rows(%2 : vector<5xf32>) sums(%4 : vector<5xf32>)
  }
  %dw = mixln.matmul lhs(%dy : tensor<4x5xf32>) rhs(%x : tensor<4x3xf32>) transpose_lhs -> tensor<5x3xf32>
  mixln.store %dw, @grad.w : tensor<5x3xf32>
  mixln.store %dg, @grad.g : tensor<5xf32>
}
