// RUN: mixln-opt %s --mixln-differentiate --split-input-file | FileCheck %s

// Only what the cotangents need of the forward is computed again, and results
// of the forward are reused: exp, tanh and sqrt stand once each.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: mixln.load @loss_scale
// CHECK: mixln.rowwise [8]
// CHECK: %[[EXP:.*]] = math.exp
// CHECK-NOT: math.exp
// CHECK: %[[TANH:.*]] = math.tanh %[[EXP]]
// CHECK-NOT: math.tanh
// CHECK: mixln.yield rows
// CHECK: mixln.store %{{.*}}, @grad.w
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.variable @measured : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l, %m = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>, tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = math.exp %a : vector<4xf32>
    %1 = math.tanh %0 : vector<4xf32>
    %2 = vector.reduction <add>, %1 : vector<4xf32> into f32
    %3 = vector.reduction <maximumf>, %1 : vector<4xf32> into f32
    mixln.yield sums(%2, %3 : f32, f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
  mixln.store %m, @measured : tensor<1xf32>
}

// -----

// The derivative of a sigmoid goes past its exponential, which may be infinite:
// one division, no exponential beyond the forward's.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: mixln.load @loss_scale
// CHECK: math.exp
// CHECK: %[[S:.*]] = arith.divf
// CHECK: %[[MINUS:.*]] = arith.subf %[[S]], %{{.*}}
// CHECK: %[[SLOPE:.*]] = arith.mulf %[[S]], %[[MINUS]]
// CHECK-NOT: arith.divf
// CHECK: mixln.store %{{.*}}, @grad.w
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %one = arith.constant dense<1.0> : vector<4xf32>
    %0 = arith.negf %a : vector<4xf32>
    %1 = math.exp %0 : vector<4xf32>
    %2 = arith.addf %one, %1 : vector<4xf32>
    %3 = arith.divf %one, %2 : vector<4xf32>
    %4 = vector.reduction <add>, %3 : vector<4xf32> into f32
    mixln.yield sums(%4 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// What stands behind stop_gradient is a constant: no gradient, a zero.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: mixln.store %{{.*}}, @loss_sum
// CHECK: %[[ZERO:.*]] = mixln.rowwise [8] -> rows(tensor<8x4xf32>) {
// CHECK-NEXT: arith.constant dense<0.000000e+00>
// CHECK-NEXT: mixln.yield rows
// CHECK-NEXT: }
// CHECK-NEXT: mixln.store %[[ZERO]], @grad.w
// Nothing is added to the gradient then.
// CHECK-LABEL: mixln.entry @gradient_add {
// CHECK-NOT: @grad.w
// CHECK-LABEL: mixln.entry @update {
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = mixln.stop_gradient %a : vector<4xf32>
    %1 = vector.reduction <add>, %0 : vector<4xf32> into f32
    mixln.yield sums(%1 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}
