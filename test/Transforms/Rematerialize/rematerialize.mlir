// RUN: mixln-opt %s --mixln-rematerialize | FileCheck %s
// RUN: mixln-opt %s --mixln-rematerialize=checkpoints=true | FileCheck %s --check-prefix=POINTS
// RUN: mixln-opt %s --mixln-rematerialize=memory-limit=140000 | FileCheck %s --check-prefix=LIMIT
// RUN: mixln-opt %s --mixln-rematerialize=most-tensors=2 | FileCheck %s --check-prefix=FEW
// RUN: mixln-opt %s --mixln-rematerialize -o %t.default && mixln-run %s --compare %t.default --entry step --random-inputs
// RUN: mixln-opt %s --mixln-rematerialize=checkpoints=true -o %t.points && mixln-run %s --compare %t.points --entry step --random-inputs
// RUN: mixln-opt %s --mixln-rematerialize=memory-limit=140000 -o %t.limit && mixln-run %s --compare %t.limit --entry step --random-inputs
// RUN: mixln-opt %t.limit --mixln-plan-memory=verify=true --mixln-form-dispatches -o %t.planned && mixln-run %s --compare %t.planned --entry step --random-inputs

mixln.variable @x : tensor<64x32xf32> input
mixln.variable @w : tensor<32x32xf32> input
mixln.variable @wide : tensor<32x64xf32> input
mixln.variable @big : tensor<32x256xf32> input
mixln.variable @g1 : tensor<32x64xf32> output
mixln.variable @g2 : tensor<64x32xf32> output
mixln.variable @loss : tensor<1xf32> output

// A product of rows that costs next to nothing is computed again by the program
// that reads the same rows in the backward: it is one more result there. Matmuls
// of sums as short as these are as cheap for their bytes and come along.
// CHECK-LABEL: mixln.entry @step
// CHECK: %[[U:.*]] = mixln.matmul {{.*}}"layers.0.up"
// CHECK: %[[P:.*]] = mixln.rowwise [64] rows(%[[U]]
// CHECK: mixln.matmul lhs(%[[P]] {{.*}}layers.0.out
// CHECK: turn
// CHECK: %[[D:.*]]:2 = mixln.rowwise [64]
// CHECK-SAME: layers.0.product.again
// CHECK: mixln.matmul lhs(%[[D]]#{{[01]}} : tensor<64x64xf32>) rhs(%{{.*}} : tensor<64x32xf32>) transpose_lhs

// Copies are not joined where one program would have more tensors than it may.
// FEW-LABEL: mixln.entry @step
// FEW: turn
// FEW: mixln.site = "layers.0.product.again"

// With checkpoints the layer's narrowest value is kept and the matmul behind it
// repeated.
// POINTS-LABEL: mixln.entry @step
// POINTS: turn
// POINTS: mixln.matmul {{.*}}mixln.site = "layers.0.up.again"

// A limit is met by the cheapest choice that fits.
// LIMIT-LABEL: mixln.entry @step
// LIMIT: turn
// LIMIT: mixln.site = "layers.0.{{.*}}again"
mixln.entry @step {
  %x = mixln.load @x : tensor<64x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %wide = mixln.load @wide : tensor<32x64xf32>
  %big = mixln.load @big : tensor<32x256xf32>
  %s = mixln.matmul lhs(%x : tensor<64x32xf32>) rhs(%w : tensor<32x32xf32>) {mixln.site = "layers.0.stream", mixln.layer = 0 : i64} -> tensor<64x32xf32>
  %u = mixln.matmul lhs(%s : tensor<64x32xf32>) rhs(%wide : tensor<32x64xf32>) {mixln.site = "layers.0.up", mixln.layer = 0 : i64} -> tensor<64x64xf32>
  %p = mixln.rowwise [64] rows(%u : tensor<64x64xf32>) -> rows(tensor<64x64xf32>) attributes {mixln.site = "layers.0.product", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<64xf32>):
    %0 = math.tanh %a : vector<64xf32>
    mixln.yield rows(%0 : vector<64xf32>)
  }
  %o = mixln.matmul lhs(%p : tensor<64x64xf32>) rhs(%wide : tensor<32x64xf32>) transpose_rhs {mixln.site = "layers.0.out", mixln.layer = 0 : i64} -> tensor<64x32xf32>
  %l = mixln.matmul lhs(%o : tensor<64x32xf32>) rhs(%big : tensor<32x256xf32>) {mixln.site = "turn"} -> tensor<64x256xf32>
  %dl, %loss = mixln.rowwise [64] rows(%l : tensor<64x256xf32>) -> rows(tensor<64x256xf32>) sums(tensor<1xf32>) attributes {mixln.site = "loss"} {
  ^bb0(%a: vector<256xf32>):
    %0 = vector.reduction <add>, %a : vector<256xf32> into f32
    %1 = math.tanh %a : vector<256xf32>
    mixln.yield rows(%1 : vector<256xf32>) sums(%0 : f32)
  }
  mixln.store %loss, @loss : tensor<1xf32>
  %do = mixln.matmul lhs(%dl : tensor<64x256xf32>) rhs(%big : tensor<32x256xf32>) transpose_rhs {mixln.site = "head.backward"} -> tensor<64x32xf32>
  %dw = mixln.matmul lhs(%p : tensor<64x64xf32>) rhs(%do : tensor<64x32xf32>) transpose_lhs {mixln.site = "layers.0.out.backward", mixln.layer = 0 : i64} -> tensor<64x32xf32>
  mixln.store %dw, @g2 : tensor<64x32xf32>
  %dp = mixln.matmul lhs(%do : tensor<64x32xf32>) rhs(%wide : tensor<32x64xf32>) {mixln.site = "layers.0.out.backward", mixln.layer = 0 : i64} -> tensor<64x64xf32>
  %du = mixln.rowwise [64] rows(%u, %dp : tensor<64x64xf32>, tensor<64x64xf32>) -> rows(tensor<64x64xf32>) attributes {mixln.site = "layers.0.product.backward", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<64xf32>, %b: vector<64xf32>):
    %0 = math.tanh %a : vector<64xf32>
    %1 = arith.mulf %0, %b : vector<64xf32>
    mixln.yield rows(%1 : vector<64xf32>)
  }
  %dw1 = mixln.matmul lhs(%s : tensor<64x32xf32>) rhs(%du : tensor<64x64xf32>) transpose_lhs {mixln.site = "layers.0.up.backward", mixln.layer = 0 : i64} -> tensor<32x64xf32>
  mixln.store %dw1, @g1 : tensor<32x64xf32>
}
