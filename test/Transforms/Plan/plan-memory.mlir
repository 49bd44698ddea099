// RUN: mixln-opt %s --mixln-plan-memory=verify=true | FileCheck %s
// RUN: mixln-opt %s --mixln-plan-memory=verify=true --mixln-form-dispatches | FileCheck %s --check-prefix=FORM

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @w : tensor<32x32xf32> parameter
mixln.variable @grad.w : tensor<32x32xf32> gradient of @w
mixln.variable @adam_m.w : tensor<32x32xf32> moment of @w
mixln.variable @y : tensor<8x32xf32> output

mixln.entry @prepare {
}

mixln.entry @chain {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %a = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %b = mixln.rowwise [8] rows(%a : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = arith.mulf %p, %p : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %c = mixln.matmul lhs(%b : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  mixln.store %c, @y : tensor<8x32xf32>
}

mixln.entry @gradient_add {
  %x = mixln.load @x : tensor<8x32xf32>
  %g = mixln.load @grad.w : tensor<32x32xf32>
  %d = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%x : tensor<8x32xf32>) into(%g : tensor<32x32xf32>) transpose_lhs -> tensor<32x32xf32>
  mixln.store %d, @grad.w : tensor<32x32xf32>
}

mixln.entry @update {
  %w = mixln.load @w : tensor<32x32xf32>
  %g = mixln.load @grad.w : tensor<32x32xf32>
  %m = mixln.load @adam_m.w : tensor<32x32xf32>
  %w1, %m1 = mixln.rowwise [32] rows(%w, %g, %m : tensor<32x32xf32>, tensor<32x32xf32>, tensor<32x32xf32>) values(0.5) -> rows(tensor<32x32xf32>, tensor<32x32xf32>) {
  ^bb0(%p: vector<32xf32>, %q: vector<32xf32>, %r: vector<32xf32>, %b: f32):
    %bb = vector.broadcast %b : f32 to vector<32xf32>
    %0 = arith.mulf %r, %bb : vector<32xf32>
    %1 = arith.addf %0, %q : vector<32xf32>
    %2 = arith.subf %p, %1 : vector<32xf32>
    mixln.yield rows(%2, %1 : vector<32xf32>, vector<32xf32>)
  }
  mixln.store %w1, @w : tensor<32x32xf32>
  mixln.store %m1, @adam_m.w : tensor<32x32xf32>
}

mixln.entry @chunks {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %x0 = tensor.extract_slice %x[0, 0] [4, 32] [1, 1] : tensor<8x32xf32> to tensor<4x32xf32>
  %x1 = tensor.extract_slice %x[4, 0] [4, 32] [1, 1] : tensor<8x32xf32> to tensor<4x32xf32>
  %a0 = mixln.matmul lhs(%x0 : tensor<4x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<4x32xf32>
  %g0 = mixln.matmul lhs(%x0 : tensor<4x32xf32>) rhs(%a0 : tensor<4x32xf32>) transpose_lhs -> tensor<32x32xf32>
  %a1 = mixln.matmul lhs(%x1 : tensor<4x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<4x32xf32>
  %g1 = mixln.matmul lhs(%x1 : tensor<4x32xf32>) rhs(%a1 : tensor<4x32xf32>) into(%g0 : tensor<32x32xf32>) transpose_lhs -> tensor<32x32xf32>
  %a = tensor.concat dim(0) %a0, %a1 : (tensor<4x32xf32>, tensor<4x32xf32>) -> tensor<8x32xf32>
  %c = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  mixln.store %c, @y : tensor<8x32xf32>
  mixln.store %g1, @grad.w : tensor<32x32xf32>
}

mixln.entry @swap {
  %w = mixln.load @w : tensor<32x32xf32>
  %m = mixln.load @adam_m.w : tensor<32x32xf32>
  mixln.store %w, @adam_m.w : tensor<32x32xf32>
  mixln.store %m, @w : tensor<32x32xf32>
}
