// A measurement of a gradient stands behind the backward, wherever it stood and
// even if nobody stores what it gives.
// RUN: mixln-opt %s --mixln-differentiate --split-input-file | FileCheck %s

// CHECK-LABEL: mixln.entry @gradient.measured {
// CHECK: mixln.store %{{.*}}, @grad.w
// CHECK: %[[M:.*]] = mixln.rowwise [8] {{.*}} -> rows(tensor<8xf32>)
// CHECK: mixln.store %[[M]], @m
// CHECK-NOT: mixln.measure_at
mixln.measure @size inputs ["dx"] per "layer" reduce "max" {
^bb0(%d: vector<4xf32>):
  %0 = vector.reduction <add>, %d : vector<4xf32> into f32
  mixln.yield rows(%0 : f32)
}
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @m : tensor<8xf32> output
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = vector.reduction <add>, %a : vector<4xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}
mixln.entry @loss.measured {
  %w = mixln.load @w : tensor<8x4xf32>
  %y = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> rows(tensor<8x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = math.tanh %a : vector<4xf32>
    mixln.yield rows(%0 : vector<4xf32>)
  }
  %l = mixln.rowwise [8] rows(%y : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = arith.mulf %a, %a : vector<4xf32>
    %1 = vector.reduction <add>, %0 : vector<4xf32> into f32
    mixln.yield sums(%1 : f32)
  }
  %m = mixln.measure_at @size (%y : tensor<8x4xf32>) -> tensor<8xf32>
  mixln.store %m, @m : tensor<8xf32>
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// As the last operation, with nobody who reads it, it leaves nothing behind.
// CHECK-LABEL: mixln.entry @gradient.measured {
// CHECK: mixln.store %{{.*}}, @grad.w
// CHECK-NEXT: }
mixln.measure @size inputs ["dx"] per "layer" reduce "max" {
^bb0(%d: vector<4xf32>):
  %0 = vector.reduction <add>, %d : vector<4xf32> into f32
  mixln.yield rows(%0 : f32)
}
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = vector.reduction <add>, %a : vector<4xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}
mixln.entry @loss.measured {
  %w = mixln.load @w : tensor<8x4xf32>
  %y = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> rows(tensor<8x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = math.tanh %a : vector<4xf32>
    mixln.yield rows(%0 : vector<4xf32>)
  }
  %l = mixln.rowwise [8] rows(%y : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = arith.mulf %a, %a : vector<4xf32>
    %1 = vector.reduction <add>, %0 : vector<4xf32> into f32
    mixln.yield sums(%1 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
  %m = mixln.measure_at @size (%y : tensor<8x4xf32>) -> tensor<8xf32>
}
