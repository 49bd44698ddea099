// RUN: mixln-opt %s --mixln-merge --remarks-filter=mixln-merge -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: mixln-opt %s --mixln-merge | FileCheck %s
// RUN: not mixln-opt %s --mixln-fuse=verify-paths=true 2>&1 | FileCheck %s --check-prefix=PATHS

mixln.variable @x : tensor<8x32xf32> input
mixln.variable @w : tensor<32x32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "o"}
mixln.variable @t : tensor<1xf32> output
mixln.variable @y : tensor<8x32xf32> output

// A residual that a matmul bridges: the matmul must run between the two.
// REMARK-NOT: Joined
// REMARK: [Missed] NotJoined {{.*}} Function=bridged {{.*}}first and second: proj must run between them
// CHECK-LABEL: mixln.entry @bridged
// CHECK-COUNT-2: mixln.rowwise
mixln.entry @bridged {
  %x = mixln.load @x : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "first"} {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.addf %r, %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %m = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%w : tensor<32x32xf32>) transpose_rhs {mixln.site = "proj"} -> tensor<8x32xf32>
  %b = mixln.rowwise [8] rows(%a, %m : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "second"} {
  ^bb0(%r: vector<32xf32>, %s: vector<32xf32>):
    %0 = arith.addf %r, %s : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %b, @y : tensor<8x32xf32>
}

// A sum over all rows is complete only after the last row.
// REMARK: Function=summed {{.*}}first and second: the second needs a sum over all rows of the first
// CHECK-LABEL: mixln.entry @summed
// CHECK-COUNT-2: mixln.rowwise
mixln.entry @summed {
  %x = mixln.load @x : tensor<8x32xf32>
  %a, %n = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) sums(tensor<1xf32>) attributes {mixln.site = "first"} {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.mulf %r, %r : vector<32xf32>
    %1 = vector.reduction <add>, %0 : vector<32xf32> into f32
    mixln.yield rows(%0 : vector<32xf32>) sums(%1 : f32)
  }
  %b = mixln.rowwise [8] rows(%a : tensor<8x32xf32>) shared(%n : tensor<1xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "second"} {
  ^bb0(%r: vector<32xf32>, %c: f32):
    %0 = vector.broadcast %c : f32 to vector<32xf32>
    %1 = arith.addf %r, %0 : vector<32xf32>
    mixln.yield rows(%1 : vector<32xf32>)
  }
  mixln.store %b, @y : tensor<8x32xf32>
}

// Rows of a head are not rows of the tensor: two domains, two programs. They
// follow each other directly, which the check of paths refuses.
// REMARK: Function=heads {{.*}}first and second: their domains differ
// PATHS: error: 'mixln.rowwise' op of second reads rows of first with nothing between them, expected one row program
// PATHS: note: the other row program, domain [8]
// CHECK-LABEL: mixln.entry @heads
// CHECK-COUNT-2: mixln.rowwise
mixln.entry @heads {
  %x = mixln.load @x : tensor<8x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "first"} {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.mulf %r, %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %e = tensor.expand_shape %a [[0], [1, 2]] output_shape [8, 2, 16] : tensor<8x32xf32> into tensor<8x2x16xf32>
  %b = mixln.rowwise [8, 2] rows(%e : tensor<8x2x16xf32>) -> rows(tensor<8x2x16xf32>) attributes {mixln.site = "second"} {
  ^bb0(%r: vector<16xf32>):
    %0 = arith.addf %r, %r : vector<16xf32>
    mixln.yield rows(%0 : vector<16xf32>)
  }
  %c = tensor.collapse_shape %b [[0], [1, 2]] : tensor<8x2x16xf32> into tensor<8x32xf32>
  mixln.store %c, @y : tensor<8x32xf32>
}

// A program that reads other rows than it writes cannot run along with their
// producer.
// REMARK: Function=shifted {{.*}}first and second: the second reads other rows of the first
// CHECK-LABEL: mixln.entry @shifted
// CHECK-COUNT-2: mixln.rowwise
mixln.entry @shifted {
  %x = mixln.load @x : tensor<8x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "first"} {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.mulf %r, %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  %b = mixln.rowwise [8] rows(%a : tensor<8x32xf32> by (d0) -> (d0 mod 4)) -> rows(tensor<8x32xf32>) attributes {mixln.site = "second"} {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.addf %r, %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %b, @y : tensor<8x32xf32>
}

// A load after a store reads what was stored: the programs on both sides are
// not joined across it, and the order stays.
// REMARK: Function=ordered {{.*}}first and second: {{.*}} must run between them
// CHECK-LABEL: mixln.entry @ordered
// CHECK: mixln.rowwise
// CHECK: mixln.store
// CHECK: mixln.load @y
// CHECK: mixln.rowwise
// CHECK: mixln.store
mixln.entry @ordered {
  %x = mixln.load @x : tensor<8x32xf32>
  %a = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "first"} {
  ^bb0(%r: vector<32xf32>):
    %0 = arith.mulf %r, %r : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %a, @y : tensor<8x32xf32>
  %y = mixln.load @y : tensor<8x32xf32>
  %b = mixln.rowwise [8] rows(%y, %a : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "second"} {
  ^bb0(%r: vector<32xf32>, %s: vector<32xf32>):
    %0 = arith.addf %r, %s : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %b, @y : tensor<8x32xf32>
}
