// RUN: mixln-opt %s --mixln-rematerialize=memory-limit=1024 --verify-diagnostics

// A limit that no choice meets is an error that names the least.
// expected-error @+1 {{needs at least 12288 bytes, the limit is 1024}}
module {
  mixln.variable @x : tensor<32x32xf32> input
  mixln.variable @y : tensor<32x32xf32> output
  mixln.entry @twice {
    %x = mixln.load @x : tensor<32x32xf32>
    %y = mixln.matmul lhs(%x : tensor<32x32xf32>) rhs(%x : tensor<32x32xf32>) -> tensor<32x32xf32>
    %z = mixln.matmul lhs(%y : tensor<32x32xf32>) rhs(%x : tensor<32x32xf32>) -> tensor<32x32xf32>
    mixln.store %z, @y : tensor<32x32xf32>
  }
}
