// RUN: mixln-opt %s --mixln-differentiate --verify-diagnostics --split-input-file

// A gradient that meets an operation without a rule names the operation and
// where its cotangent comes from.
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    // expected-error @below {{operation 'math.sin' has no derivative rule}}
    %0 = math.sin %a : vector<4xf32>
    // expected-note @below {{its cotangent comes from 'arith.mulf'}}
    %1 = arith.mulf %0, %a : vector<4xf32>
    %2 = vector.reduction <add>, %1 : vector<4xf32> into f32
    mixln.yield sums(%2 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// Reductions differ by kind.
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    // expected-error @below {{operation 'vector.reduction <mul>' has no derivative rule}}
    %0 = vector.reduction <mul>, %a : vector<4xf32> into f32
    // expected-note @below {{its cotangent comes from what the row program yields}}
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// Without a gradient through it, an operation needs no rule: behind
// stop_gradient, on what is no parameter, in what the loss does not read.
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.variable @measured : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l, %m = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>, tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = mixln.stop_gradient %a : vector<4xf32>
    %1 = math.sin %0 : vector<4xf32>
    %2 = arith.mulf %1, %a : vector<4xf32>
    %3 = vector.reduction <add>, %2 : vector<4xf32> into f32
    %4 = vector.reduction <mul>, %a : vector<4xf32> into f32
    mixln.yield sums(%3, %4 : f32, f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
  mixln.store %m, @measured : tensor<1xf32>
}
