// RUN: mixln-opt %s --mixln-merge | FileCheck %s
// RUN: mixln-opt %s --mixln-merge -o %t.merged && mixln-run %s --compare %t.merged --entry projections --entry chain --entry unlike --entry layers --random-inputs --tolerance 1e-10
// RUN: mixln-opt %s --mixln-merge --remarks-filter=mixln-merge -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

mixln.variable @h : tensor<8x32xf32> input
mixln.variable @wq : tensor<32x32xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "qk"}
mixln.variable @wk : tensor<16x32xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "qk"}
mixln.variable @wv : tensor<16x32xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "v"}
mixln.variable @q : tensor<8x32xf32> output
mixln.variable @k : tensor<8x16xf32> output
mixln.variable @v : tensor<8x16xf32> output

// Projections of one input, of different widths, are one matmul.
// REMARK: [Passed] Merged {{.*}} Function=projections {{.*}}q and k: both multiply the same rows
// REMARK: [Passed] Merged {{.*}} Function=projections {{.*}}q+k and v: both multiply the same rows
// REMARK-NOT: Merged {{.*}} Function=projections
// CHECK-LABEL: mixln.entry @projections
// CHECK: %[[M:.*]]:3 = mixln.matmul lhs(%{{.*}} : tensor<8x32xf32>) rhs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<32x32xf32>, tensor<16x32xf32>, tensor<16x32xf32>) transpose_rhs
// CHECK-SAME: mixln.names = ["layers.0.q", "", "layers.0.v"], mixln.site = "q+k+v"
// CHECK: mixln.store %[[M]]#0, @q
// CHECK: mixln.store %[[M]]#1, @k
// CHECK: mixln.store %[[M]]#2, @v
mixln.entry @projections {
  %h = mixln.load @h : tensor<8x32xf32>
  %wq = mixln.load @wq : tensor<32x32xf32>
  %q = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wq : tensor<32x32xf32>) transpose_rhs {mixln.site = "q", mixln.names = ["layers.0.q"]} -> tensor<8x32xf32>
  mixln.store %q, @q : tensor<8x32xf32>
  %wk = mixln.load @wk : tensor<16x32xf32>
  %k = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wk : tensor<16x32xf32>) transpose_rhs {mixln.site = "k"} -> tensor<8x16xf32>
  mixln.store %k, @k : tensor<8x16xf32>
  %wv = mixln.load @wv : tensor<16x32xf32>
  %v = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wv : tensor<16x32xf32>) transpose_rhs {mixln.site = "v", mixln.names = ["layers.0.v"]} -> tensor<8x16xf32>
  mixln.store %v, @v : tensor<8x16xf32>
}

// The second right side depends on the first product.
// CHECK-LABEL: mixln.entry @chain
// CHECK-COUNT-2: mixln.matmul
mixln.entry @chain {
  %h = mixln.load @h : tensor<8x32xf32>
  %wq = mixln.load @wq : tensor<32x32xf32>
  %q = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wq : tensor<32x32xf32>) transpose_rhs -> tensor<8x32xf32>
  %s = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%q : tensor<8x32xf32>) transpose_rhs -> tensor<8x8xf32>
  %r = mixln.matmul lhs(%s : tensor<8x8xf32>) rhs(%h : tensor<8x32xf32>) -> tensor<8x32xf32>
  mixln.store %r, @q : tensor<8x32xf32>
}

// Right sides that are read in different ways are different matmuls.
// CHECK-LABEL: mixln.entry @unlike
// CHECK-COUNT-2: mixln.matmul
mixln.entry @unlike {
  %h = mixln.load @h : tensor<8x32xf32>
  %wq = mixln.load @wq : tensor<32x32xf32>
  %q = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wq : tensor<32x32xf32>) transpose_rhs -> tensor<8x32xf32>
  %r = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wq : tensor<32x32xf32>) -> tensor<8x32xf32>
  %s = mixln.rowwise [8] rows(%q, %r : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
    %0 = arith.addf %a, %b : vector<32xf32>
    mixln.yield rows(%0 : vector<32xf32>)
  }
  mixln.store %s, @q : tensor<8x32xf32>
}

// Only those of one layer: the others' results would be kept from there on.
// CHECK-LABEL: mixln.entry @layers
// CHECK: %{{.*}}:2 = mixln.matmul lhs(%{{.*}}) rhs(%{{.*}}, %{{.*}}) transpose_rhs
// CHECK-SAME: mixln.layer = 0
// CHECK: mixln.matmul lhs(%{{.*}}) rhs(%{{[^,]*}}) transpose_rhs
// CHECK-SAME: mixln.layer = 1
mixln.entry @layers {
  %h = mixln.load @h : tensor<8x32xf32>
  %wq = mixln.load @wq : tensor<32x32xf32>
  %wk = mixln.load @wk : tensor<16x32xf32>
  %wv = mixln.load @wv : tensor<16x32xf32>
  %q = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wq : tensor<32x32xf32>) transpose_rhs {mixln.layer = 0 : i64, mixln.site = "layers.0.q"} -> tensor<8x32xf32>
  %k = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wk : tensor<16x32xf32>) transpose_rhs {mixln.layer = 0 : i64, mixln.site = "layers.0.k"} -> tensor<8x16xf32>
  %v = mixln.matmul lhs(%h : tensor<8x32xf32>) rhs(%wv : tensor<16x32xf32>) transpose_rhs {mixln.layer = 1 : i64, mixln.site = "layers.1.v"} -> tensor<8x16xf32>
  mixln.store %q, @q : tensor<8x32xf32>
  mixln.store %k, @k : tensor<8x16xf32>
  mixln.store %v, @v : tensor<8x16xf32>
}
