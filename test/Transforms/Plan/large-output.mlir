// RUN: mixln-opt %s --mixln-plan-memory=verify=true | FileCheck %s

// An output of more than a mebibyte lies in the bytes that entries share: the
// entry that writes it keeps it, another may overwrite it.
// CHECK: mixln.shared_offset = 525376
// CHECK: @logits : {{.*}} {offset = 525376 : i64}
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @logits : tensor<4096x128xf32> output
mixln.variable @n : tensor<1xf32> output
mixln.variable @column : tensor<4096x32xf32> parameter

// What is needed while the output is written lies behind it.
// CHECK-LABEL: mixln.entry @writes
// CHECK: mixln.rowwise [4096] rows{{.*}} mixln.writes = array<i64: 2622528>
// CHECK: mixln.rowwise [4096, 4] {{.*}}mixln.reads = array<i64: 2622528>, {{.*}} mixln.writes = array<i64: 525376>
mixln.entry @writes {
  %x = mixln.load @column : tensor<4096x32xf32>
  %a = mixln.rowwise [4096] rows(%x : tensor<4096x32xf32>) -> rows(tensor<4096x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = arith.mulf %p, %p : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %b = mixln.rowwise [4096, 4] rows(%a : tensor<4096x32xf32> by (d0, d1) -> (d0)) -> rows(tensor<4096x4x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
  %c = tensor.collapse_shape %b [[0], [1, 2]] : tensor<4096x4x32xf32> into tensor<4096x128xf32>
  mixln.store %c, @logits : tensor<4096x128xf32>
}

// Another entry's values lie where the output was.
// CHECK-LABEL: mixln.entry @other
// CHECK: mixln.rowwise [4096] rows{{.*}} mixln.writes = array<i64: 525376>
mixln.entry @other {
  %x = mixln.load @column : tensor<4096x32xf32>
  %a = mixln.rowwise [4096] rows(%x : tensor<4096x32xf32>) -> rows(tensor<4096x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = arith.mulf %p, %p : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %s = mixln.rowwise [4096] rows(%a : tensor<4096x32xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = vector.reduction <add>, %p : vector<32xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %s, @n : tensor<1xf32>
}
