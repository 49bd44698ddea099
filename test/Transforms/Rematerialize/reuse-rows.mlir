// RUN: mixln-opt %s --mixln-reuse-rows | FileCheck %s
// RUN: mixln-opt %s --mixln-reuse-rows -o %t.mlir && mixln-run %s --compare %t.mlir --entry sum --entry same_bytes --entry narrow --random-inputs

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @w : tensor<32x32xf32> input
mixln.variable @y : tensor<8x32xf32> output
mixln.variable @dx : tensor<8x32xf32> output

// A backward that computes x + F again reads the sum, which is stored, and no
// longer x and F.
// CHECK-LABEL: mixln.entry @sum
// CHECK: %[[F:.*]] = mixln.matmul
// CHECK: %[[S:.*]]:2 = mixln.rowwise [8] rows(%{{.*}}, %[[F]] :
// CHECK: %[[D:.*]] = mixln.matmul
// CHECK: mixln.rowwise [8] rows(%[[D]], %[[S]]#0 : tensor<8x32xf32>, tensor<8x32xf32>)
// CHECK-NOT: arith.addf
mixln.entry @sum {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %f = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %s, %h = mixln.rowwise [8] rows(%x, %f : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>, tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    %1 = math.tanh %0 : vector<32xf32>
    mixln.yield rows(%0, %1 : vector<32xf32>, vector<32xf32>)
  }
  mixln.store %s, @y : tensor<8x32xf32>
  %d = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %g = mixln.rowwise [8] rows(%x, %f, %d : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>, %c: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    %1 = arith.mulf %c, %0 : vector<32xf32>
    mixln.yield rows(%1 : vector<32xf32>)
  }
  mixln.store %g, @dx : tensor<8x32xf32>
}

// Where as much must be read anyway, nothing changes: F is needed for itself.
// CHECK-LABEL: mixln.entry @same_bytes
// CHECK: mixln.matmul
// CHECK: mixln.rowwise
// CHECK: %[[D:.*]] = mixln.matmul
// CHECK: mixln.rowwise [8] rows(%{{.*}}, %{{.*}}, %[[D]] :
// CHECK: arith.addf
mixln.entry @same_bytes {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %f = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %s = mixln.rowwise [8] rows(%x, %f : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %s, @y : tensor<8x32xf32>
  %d = mixln.matmul lhs(%s : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %g = mixln.rowwise [8] rows(%x, %f, %d : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>, %c: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    %1 = arith.mulf %c, %0 : vector<32xf32>
    %2 = arith.mulf %1, %b : vector<32xf32>
    mixln.yield rows(%2 : vector<32xf32>)
  }
  mixln.store %g, @dx : tensor<8x32xf32>
}

// A sum that is kept narrower than it was computed is another number: it is
// computed again.
// CHECK-LABEL: mixln.entry @narrow
// CHECK: mixln.rowwise {{.*}} -> rows(tensor<8x32xbf16>)
// CHECK: mixln.rowwise [8] rows(%{{.*}}, %{{.*}} : tensor<8x32xf32>, tensor<8x32xf32>)
// CHECK: arith.addf
mixln.entry @narrow {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %f = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) -> tensor<8x32xf32>
  %s = mixln.rowwise [8] rows(%x, %f : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xbf16>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %t = mixln.rowwise [8] rows(%s : tensor<8x32xbf16>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>):
    mixln.yield rows(%a : vector<32xf32>)
  }
  mixln.store %t, @y : tensor<8x32xf32>
  %g = mixln.rowwise [8] rows(%x, %f : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    %1 = math.tanh %0 : vector<32xf32>
    mixln.yield rows(%1 : vector<32xf32>)
  }
  mixln.store %g, @dx : tensor<8x32xf32>
}
