// RUN: mixln-opt %s --mixln-plan-memory=verify=true | FileCheck %s

// Variables lie first, one after another at multiples of 64; what entries need
// in addition starts behind them, the same bytes for all.
// CHECK: module attributes {mixln.arena_bytes = 18496 : i64, mixln.scratch_bytes = 0 : i64, mixln.shared_offset = 14400 : i64, mixln.step_bytes = 18496 : i64}
// CHECK: @x : {{.*}} {offset = 0 : i64}
// CHECK: @w : {{.*}} {offset = 1024 : i64}
// CHECK: @grad.w : {{.*}} {offset = 5120 : i64}
// CHECK: @adam_m.w : {{.*}} {offset = 9216 : i64}
// CHECK: @y : {{.*}} {offset = 13312 : i64}
// CHECK: @n : {{.*}} {offset = 14336 : i64}
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @w : tensor<32x32xf32> parameter
mixln.variable @grad.w : tensor<32x32xf32> gradient of @w
mixln.variable @adam_m.w : tensor<32x32xf32> moment of @w
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @n : tensor<1xf32> output

// An empty entry needs nothing.
// CHECK-LABEL: mixln.entry @prepare
// CHECK-SAME: mixln.peak_bytes = 0
mixln.entry @prepare {
}

// A row program writes over the operand that ends there; a stored value is
// computed in its variable.
// CHECK-LABEL: mixln.entry @chain
// CHECK-SAME: mixln.peak_bytes = 1024
// CHECK: mixln.matmul {{.*}}mixln.reads = array<i64: 0, 1024>, {{.*}} mixln.writes = array<i64: 14400>
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 14400>, {{.*}} mixln.writes = array<i64: 14400>
// CHECK: mixln.matmul {{.*}}mixln.reads = array<i64: 14400, 1024>, {{.*}} mixln.writes = array<i64: 13312>
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

// A matmul adds into the gradient where it is.
// CHECK-LABEL: mixln.entry @gradient_add
// CHECK: mixln.reads = array<i64: 0, 0, 5120>, {{.*}} mixln.writes = array<i64: 5120>
mixln.entry @gradient_add {
  %x = mixln.load @x : tensor<8x32xf32>
  %g = mixln.load @grad.w : tensor<32x32xf32>
  %d = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%x : tensor<8x32xf32>) into(%g : tensor<32x32xf32>) transpose_lhs -> tensor<32x32xf32>
  mixln.store %d, @grad.w : tensor<32x32xf32>
}

// What is added into must not be needed later: if it is, a copy is added into.
// CHECK-LABEL: mixln.entry @add_to_copy
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 5120>, mixln.site = "copy", {{.*}} mixln.writes = array<i64: 9216>
// CHECK: mixln.matmul {{.*}}mixln.reads = array<i64: 0, 0, 9216>, {{.*}} mixln.writes = array<i64: 9216>
// CHECK: mixln.matmul {{.*}}mixln.reads = array<i64: 0, 5120>
mixln.entry @add_to_copy {
  %x = mixln.load @x : tensor<8x32xf32>
  %g = mixln.load @grad.w : tensor<32x32xf32>
  %d = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%x : tensor<8x32xf32>) into(%g : tensor<32x32xf32>) transpose_lhs -> tensor<32x32xf32>
  %e = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%g : tensor<32x32xf32>) -> tensor<8x32xf32>
  mixln.store %d, @adam_m.w : tensor<32x32xf32>
  mixln.store %e, @y : tensor<8x32xf32>
}

// An optimizer updates parameters and moments in place.
// CHECK-LABEL: mixln.entry @update
// CHECK-SAME: mixln.peak_bytes = 0
// CHECK: mixln.reads = array<i64: 1024, 5120, 9216>, {{.*}} mixln.writes = array<i64: 1024, 9216>
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

// A slice of rows is an offset; parts of a concatenation are computed side by
// side; a chain of additions ends in the stored variable from its start.
// CHECK-LABEL: mixln.entry @chunks
// CHECK-SAME: mixln.peak_bytes = 1024
// CHECK: mixln.reads = array<i64: 0, 1024>, {{.*}} mixln.writes = array<i64: 14400>
// CHECK: mixln.reads = array<i64: 0, 14400>, {{.*}} mixln.writes = array<i64: 5120>
// CHECK: mixln.reads = array<i64: 512, 1024>, {{.*}} mixln.writes = array<i64: 14912>
// CHECK: mixln.reads = array<i64: 512, 14912, 5120>, {{.*}} mixln.writes = array<i64: 5120>
// CHECK: mixln.reads = array<i64: 14400, 1024>, {{.*}} mixln.writes = array<i64: 13312>
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

// A part that is a variable is copied to its place, and so is a part's second
// use.
// CHECK-LABEL: mixln.entry @copied_parts
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 0>, mixln.site = "copy", {{.*}} mixln.writes = array<i64: 14400>
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 0>, mixln.site = "copy", {{.*}} mixln.writes = array<i64: 15424>
mixln.entry @copied_parts {
  %x = mixln.load @x : tensor<8x32xf32>
  %a = tensor.concat dim(0) %x, %x : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<16x32xf32>
  %s = mixln.rowwise [16] rows(%a : tensor<16x32xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = vector.reduction <add>, %p : vector<32xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %s, @n : tensor<1xf32>
}

// A load after a store is the stored value; of two stores the last counts (and
// what the first stored may lie in the variable until then).
// CHECK-LABEL: mixln.entry @overwritten
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 0>, {{.*}} mixln.writes = array<i64: 13312>
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 13312>, {{.*}} mixln.writes = array<i64: 13312>
// CHECK: mixln.store
// CHECK-NOT: mixln.store
mixln.entry @overwritten {
  %x = mixln.load @x : tensor<8x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = arith.mulf %p, %p : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %a, @y : tensor<8x32xf32>
  %y = mixln.load @y : tensor<8x32xf32>
  %b = mixln.rowwise [8] rows(%y : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    %0 = arith.addf %p, %p : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %b, @y : tensor<8x32xf32>
}

// Two variables that exchange their values need one temporary.
// CHECK-LABEL: mixln.entry @swap
// CHECK-SAME: mixln.peak_bytes = 4096
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 9216>, {{.*}} mixln.writes = array<i64: 14400>
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 1024>, {{.*}} mixln.writes = array<i64: 9216>
// CHECK: mixln.rowwise {{.*}}mixln.reads = array<i64: 14400>, {{.*}} mixln.writes = array<i64: 1024>
mixln.entry @swap {
  %w = mixln.load @w : tensor<32x32xf32>
  %m = mixln.load @adam_m.w : tensor<32x32xf32>
  mixln.store %w, @adam_m.w : tensor<32x32xf32>
  mixln.store %m, @w : tensor<32x32xf32>
}
