// RUN: mixln-opt %s --verify-diagnostics --split-input-file

// A kernel is one operation.
// expected-error @+1 {{has 2 operations, expected its one prototype}}
mixln.kernel @two {
^bb0(%a: tensor<8x32xf32>, %b: tensor<16x32xf32>):
  %c = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%b : tensor<16x32xf32>) transpose_rhs -> tensor<8x16xf32>
  %d = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%b : tensor<16x32xf32>) transpose_rhs -> tensor<8x16xf32>
}

// -----

// The prototype uses the block's arguments, each once, in their order.
// expected-error @+1 {{prototype must use the block's arguments in order}}
mixln.kernel @swapped {
^bb0(%a: tensor<32x32xf32>, %b: tensor<32x32xf32>):
  %c = mixln.matmul lhs(%b : tensor<32x32xf32>) rhs(%a : tensor<32x32xf32>) -> tensor<32x32xf32>
}

// -----

// A dispatch names a kernel that exists.
mixln.entry @e {
  // expected-error @+1 {{unknown kernel @missing}}
  mixln.dispatch @missing domain [] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}

// -----

// A dispatch has as many operands as its kernel.
// expected-note @+1 {{the kernel has 2 operands and 1 results}}
mixln.kernel @matmul {
^bb0(%a: tensor<8x32xf32>, %b: tensor<16x32xf32>):
  %c = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%b : tensor<16x32xf32>) transpose_rhs -> tensor<8x16xf32>
}
mixln.entry @e {
  // expected-error @+1 {{has 1 reads and 1 writes}}
  mixln.dispatch @matmul domain [] values [] reads [0] : [tensor<8x32xf32>] writes [4096] : [tensor<8x16xf32>]
}

// -----

// Offsets are not negative.
mixln.entry @e {
  // expected-error @+1 {{offset -64 is negative}}
  mixln.dispatch @k domain [] values [] reads [-64] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}
