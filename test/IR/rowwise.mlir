// RUN: mixln-opt %s | mixln-opt | FileCheck %s
// RUN: mixln-opt %s --mlir-print-op-generic | mixln-opt | FileCheck %s

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @g : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @n : tensor<1xf32> output

// A row program with rows, shared operands, immediates and sums round-trips.
// CHECK-LABEL: mixln.entry @scaled
// CHECK: mixln.rowwise [8] rows(%{{.*}} : tensor<8x32xf32>) shared(%{{.*}} : tensor<32xf32>) values(5.000000e-01) -> rows(tensor<8x32xf32>) sums(tensor<1xf32>) {
// CHECK: mixln.yield rows(%{{.*}} : vector<32xf32>) sums(%{{.*}} : f32)
mixln.entry @scaled {
  %x = mixln.load @x : tensor<8x32xf32>
  %g = mixln.load @g : tensor<32xf32>
  %y, %n = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) shared(%g : tensor<32xf32>) values(0.5) -> rows(tensor<8x32xf32>) sums(tensor<1xf32>) {
  ^bb0(%a: vector<32xf32>, %w: vector<32xf32>, %c: f32):
    %0 = arith.mulf %a, %w : vector<32xf32>
    %1 = vector.broadcast %c : f32 to vector<32xf32>
    %2 = arith.mulf %0, %1 : vector<32xf32>
    %3 = vector.reduction <add>, %2 : vector<32xf32> into f32
    mixln.yield rows(%2 : vector<32xf32>) sums(%3 : f32)
  }
  mixln.store %y, @y : tensor<8x32xf32>
  mixln.store %n, @n : tensor<1xf32>
}

mixln.variable @q : tensor<8x2x16xf32> input
mixln.variable @t : tensor<4x16xf32> constant
mixln.variable @h : tensor<2x16xf32> output

// Maps of operands and of sums that keep a dimension round-trip, and so does a
// sum that starts from a value.
// CHECK-LABEL: mixln.entry @heads
// CHECK: mixln.rowwise [8, 2] rows(%{{.*}}, %{{.*}} : tensor<8x2x16xf32>, tensor<4x16xf32> by (d0, d1) -> (d0 mod 4)) into(0: %{{.*}} : tensor<2x16xf32>) -> sums(tensor<2x16xf32> by (d0, d1) -> (d1))
mixln.entry @heads {
  %q = mixln.load @q : tensor<8x2x16xf32>
  %t = mixln.load @t : tensor<4x16xf32>
  %old = mixln.load @h : tensor<2x16xf32>
  %s = mixln.rowwise [8, 2] rows(%q, %t : tensor<8x2x16xf32>, tensor<4x16xf32> by (d0, d1) -> (d0 mod 4)) into(0: %old : tensor<2x16xf32>) -> sums(tensor<2x16xf32> by (d0, d1) -> (d1)) {
  ^bb0(%a: vector<16xf32>, %b: vector<16xf32>):
    %0 = arith.mulf %a, %b : vector<16xf32>
    mixln.yield sums(%0 : vector<16xf32>)
  }
  mixln.store %s, @h : tensor<2x16xf32>
}

// Maps may fall, shift and divide, as long as they stay in range.
// CHECK-LABEL: mixln.entry @maps
// CHECK: tensor<8x32xf32> by (d0) -> (-d0 + 7), tensor<4x32xf32> by (d0) -> (d0 floordiv 2), tensor<5x32xf32> by (d0) -> (d0 ceildiv 2), tensor<2x32xf32> by (d0) -> ((d0 + 3) mod 2)
mixln.entry @maps {
  %a = tensor.empty() : tensor<8x32xf32>
  %b = tensor.empty() : tensor<4x32xf32>
  %c = tensor.empty() : tensor<5x32xf32>
  %d = tensor.empty() : tensor<2x32xf32>
  %y = mixln.rowwise [8] rows(%a, %b, %c, %d : tensor<8x32xf32> by (d0) -> (7 - d0), tensor<4x32xf32> by (d0) -> (d0 floordiv 2), tensor<5x32xf32> by (d0) -> (d0 ceildiv 2), tensor<2x32xf32> by (d0) -> ((d0 + 3) mod 2)) -> rows(tensor<8x32xbf16>) {
  ^bb0(%p: vector<32xf32>, %q: vector<32xf32>, %r: vector<32xf32>, %s: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
