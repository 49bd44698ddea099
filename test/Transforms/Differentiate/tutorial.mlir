// RUN: mixln-opt %s --mixln-differentiate | FileCheck %s

// The smallest thing that can be trained: a loss over a variable and a
// parameter, with nothing said about a model.

// The parameter gets a gradient and moments, the run-time scalars appear.
// CHECK-DAG: mixln.variable @grad.w : tensor<4xf32> gradient init = <constant 0.000000e+00> of @w
// CHECK-DAG: mixln.variable @adam_m.w : tensor<4xf32> moment init = <constant 0.000000e+00> of @w
// CHECK-DAG: mixln.variable @adam_v.w : tensor<4xf32> moment init = <constant 0.000000e+00> of @w
// CHECK-DAG: mixln.variable @loss_scale : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @lr.other : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @grad_norm : tensor<1xf32> output
mixln.variable @x : tensor<8x4xf32> input
mixln.variable @w : tensor<4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output

// CHECK: mixln.entry @prepare {
// CHECK-NEXT: }

// The backward is one row program on the forward's operands and the seed; x,
// which is no parameter, gets no gradient.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: mixln.store %{{.*}}, @loss_sum
// CHECK-NEXT: %[[SEED:.*]] = mixln.load @loss_scale
// CHECK-NEXT: %[[DW:.*]] = mixln.rowwise [8] rows(%{{.*}} : tensor<8x4xf32>) shared(%{{.*}}, %[[SEED]] : tensor<4xf32>, tensor<1xf32>) -> sums(tensor<4xf32>) {
// CHECK: mixln.yield sums(%{{.*}} : vector<4xf32>)
// CHECK: mixln.store %[[DW]], @grad.w

// The accumulating entry starts the same sum from what is stored.
// CHECK-LABEL: mixln.entry @gradient_add {
// CHECK: %[[OLD:.*]] = mixln.load @grad.w
// CHECK-NEXT: %[[DW:.*]] = mixln.rowwise [8] {{.*}} into(0: %[[OLD]] : tensor<4xf32>) -> sums(tensor<4xf32>) {
// CHECK: mixln.store %[[DW]], @grad.w

// CHECK-LABEL: mixln.entry @update {
// CHECK: mixln.store %{{.*}}, @grad_norm
// CHECK: mixln.store %{{.*}}, @w
// CHECK: mixln.store %{{.*}}, @adam_m.w
// CHECK: mixln.store %{{.*}}, @adam_v.w

// CHECK-LABEL: mixln.entry @loss {
// CHECK-NOT: mixln.entry @gradient_norms
mixln.entry @loss {
  %x = mixln.load @x : tensor<8x4xf32>
  %w = mixln.load @w : tensor<4xf32>
  %loss = mixln.rowwise [8] rows(%x : tensor<8x4xf32>) shared(%w : tensor<4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>, %b: vector<4xf32>):
    %0 = arith.mulf %a, %b : vector<4xf32>
    %1 = math.tanh %0 : vector<4xf32>
    %2 = vector.reduction <add>, %1 : vector<4xf32> into f32
    mixln.yield sums(%2 : f32)
  }
  mixln.store %loss, @loss_sum : tensor<1xf32>
}
