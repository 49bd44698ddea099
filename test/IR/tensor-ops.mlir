// RUN: mixln-opt %s | mixln-opt | FileCheck %s
// RUN: mixln-opt %s --mlir-print-op-generic | mixln-opt | FileCheck %s

mixln.variable @table : tensor<96x32xf32> parameter init = #mixln.init<normal 0.02>
mixln.variable @ids : tensor<8xi32> input
mixln.variable @order : tensor<8xi32> input
mixln.variable @starts : tensor<9xi32> input
mixln.variable @wq : tensor<32x32xf32> parameter
mixln.variable @wk : tensor<16x32xf32> parameter
mixln.variable @cos : tensor<4x8xf32> constant init = #mixln.init<rope_cos 10000.0>
mixln.variable @sin : tensor<4x8xf32> constant init = #mixln.init<rope_sin 10000.0>
mixln.variable @grad : tensor<96x32xf32> gradient of @table

// Rows of a table, and the gradient of the table, round-trip.
// CHECK-LABEL: mixln.entry @embed
// CHECK: mixln.embedding %{{.*}}, %{{.*}} : tensor<96x32xf32>, tensor<8xi32> -> tensor<8x32xf32>
// CHECK: mixln.embedding_grad %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} into %{{.*}} : tensor<96x32xf32> : tensor<8x32xf32>, tensor<8xi32>, tensor<8xi32>, tensor<9xi32> -> tensor<96x32xf32>
mixln.entry @embed {
  %table = mixln.load @table : tensor<96x32xf32>
  %ids = mixln.load @ids : tensor<8xi32>
  %order = mixln.load @order : tensor<8xi32>
  %starts = mixln.load @starts : tensor<9xi32>
  %old = mixln.load @grad : tensor<96x32xf32>
  %x = mixln.embedding %table, %ids : tensor<96x32xf32>, tensor<8xi32> -> tensor<8x32xf32>
  %g = mixln.embedding_grad %x, %ids, %order, %starts into %old : tensor<96x32xf32> : tensor<8x32xf32>, tensor<8xi32>, tensor<8xi32>, tensor<9xi32> -> tensor<96x32xf32>
  mixln.store %g, @grad : tensor<96x32xf32>
}

// A list of products with one left side, a packed right side, a sum of
// products, and attention with fewer key/value heads round-trip.
// CHECK-LABEL: mixln.entry @attend
// CHECK: mixln.pack %{{.*}} : tensor<16x32xf32> -> tensor<16x32xf32, #mixln.packed<transposed>>
// CHECK: mixln.matmul lhs(%{{.*}} : tensor<8x32xf32>) rhs(%{{.*}}, %{{.*}} : tensor<32x32xf32>, tensor<16x32xf32, #mixln.packed<transposed>>) transpose_rhs -> tensor<8x32xf32>, tensor<8x16xf32>
// CHECK: mixln.attention %{{.*}} {heads = 2 : i64} : tensor<8x32xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
// CHECK: mixln.attention_grad
// CHECK: mixln.matmul lhs(%{{.*}}, %{{.*}} : tensor<8x32xf32>, tensor<8x16xf32>) rhs(%{{.*}}, %{{.*}} : tensor<32x32xf32>, tensor<16x32xf32>) into(%{{.*}} : tensor<8x32xf32>) reduce -> tensor<8x32xf32>
mixln.entry @attend {
  %table = mixln.load @table : tensor<96x32xf32>
  %ids = mixln.load @ids : tensor<8xi32>
  %wq = mixln.load @wq : tensor<32x32xf32>
  %wk = mixln.load @wk : tensor<16x32xf32>
  %cos = mixln.load @cos : tensor<4x8xf32>
  %sin = mixln.load @sin : tensor<4x8xf32>
  %x = mixln.embedding %table, %ids : tensor<96x32xf32>, tensor<8xi32> -> tensor<8x32xf32>
  %p = mixln.pack %wk : tensor<16x32xf32> -> tensor<16x32xf32, #mixln.packed<transposed>>
  %q, %k = mixln.matmul lhs(%x : tensor<8x32xf32>) rhs(%wq, %p : tensor<32x32xf32>, tensor<16x32xf32, #mixln.packed<transposed>>) transpose_rhs -> tensor<8x32xf32>, tensor<8x16xf32>
  %ctx, %lse = mixln.attention %q, %k, %k, %cos, %sin {heads = 2 : i64} : tensor<8x32xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
  %dq, %dk, %dv = mixln.attention_grad %q, %k, %k, %cos, %sin, %ctx, %lse, %ctx {heads = 2 : i64} : tensor<8x32xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x32xf32>, tensor<8x2xf32>, tensor<8x32xf32> -> tensor<8x32xf32>, tensor<8x16xf32>, tensor<8x16xf32>
  %dx = mixln.matmul lhs(%dq, %dk : tensor<8x32xf32>, tensor<8x16xf32>) rhs(%wq, %wk : tensor<32x32xf32>, tensor<16x32xf32>) into(%x : tensor<8x32xf32>) reduce -> tensor<8x32xf32>
}

mixln.variable @at : tensor<1xi32> input
mixln.variable @keys : tensor<4x16xf32> cache
mixln.variable @values : tensor<4x16xf32> cache

// One position over caches with fewer key/value heads round-trips.
// CHECK-LABEL: mixln.entry @step
// CHECK: mixln.attention_step %{{.*}} {heads = 2 : i64, scale = 2.500000e-01 : f64} : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32> -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
mixln.entry @step {
  %wq = mixln.load @wq : tensor<32x32xf32>
  %wk = mixln.load @wk : tensor<16x32xf32>
  %q = tensor.extract_slice %wq[0, 0] [1, 32] [1, 1] : tensor<32x32xf32> to tensor<1x32xf32>
  %k = mixln.matmul lhs(%q : tensor<1x32xf32>) rhs(%wk : tensor<16x32xf32>) transpose_rhs -> tensor<1x16xf32>
  %cos = mixln.load @cos : tensor<4x8xf32>
  %sin = mixln.load @sin : tensor<4x8xf32>
  %keys = mixln.load @keys : tensor<4x16xf32>
  %values = mixln.load @values : tensor<4x16xf32>
  %at = mixln.load @at : tensor<1xi32>
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %k, %cos, %sin, %keys, %values, %at {heads = 2 : i64, scale = 0.25 : f64} : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32> -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
  mixln.store %k1, @keys : tensor<4x16xf32>
  mixln.store %v1, @values : tensor<4x16xf32>
}
