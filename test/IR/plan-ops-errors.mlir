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

// -----

// What lies in the arena is a tensor.
mixln.entry @e {
  // expected-error @+1 {{reads or writes 'f32', expected a tensor}}
  mixln.dispatch @k domain [8] values [] reads [0] : [f32] writes [1024] : [tensor<8x32xf32>]
}

// -----

// Its size is known.
mixln.entry @e {
  // expected-error @+1 {{reads or writes 'tensor<?x32xf32>', expected a static shape}}
  mixln.dispatch @k domain [8] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<?x32xf32>]
}

// -----

// A dispatch has the kernel's types, but for the extents.
// expected-note @+1 {{the kernel's prototype has 'tensor<8x32xf32>' there}}
mixln.kernel @copy {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @e {
  mixln.dispatch @copy domain [4] values [] reads [0] : [tensor<4x32xf32>] writes [1024] : [tensor<4x32xf32>]
  // expected-error @+1 {{reads 'tensor<8x32xbf16>'}}
  mixln.dispatch @copy domain [8] values [] reads [0] : [tensor<8x32xbf16>] writes [1024] : [tensor<8x32xf32>]
}

// -----

// The number of extents is the kernel's.
// expected-note @+1 {{the kernel's prototype has 'tensor<8x32xf32>' there}}
mixln.kernel @copy {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @e {
  // expected-error @+1 {{writes 'tensor<256xf32>'}}
  mixln.dispatch @copy domain [8] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<256xf32>]
}

// -----

// A dispatch has a number for each immediate of its kernel.
mixln.kernel @scale {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) values(2.0) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>, %c: f32):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @e {
  // expected-error @+1 {{has 0 values, the kernel has 1}}
  mixln.dispatch @scale domain [8] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}

// -----

// And a domain with as many dimensions.
mixln.kernel @copy {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @e {
  // expected-error @+1 {{domain has 2 dimensions, the kernel's has 1}}
  mixln.dispatch @copy domain [8, 2] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}

// -----

// A domain is not empty.
mixln.entry @e {
  // expected-error @+1 {{domain has an extent that is not positive}}
  mixln.dispatch @k domain [0] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}
