// RUN: mixln-opt %s --verify-diagnostics --split-input-file

// The region's argument must be the row that the operand's type and map give.
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @y : tensor<8x16xf32> output
mixln.entry @e {
  %x = mixln.load @x : tensor<8x32xf32>
  // expected-error @+1 {{argument of row operand 0 has type 'vector<16xf32>' but 'tensor<8x32xf32>' is read through affine_map<(d0) -> (d0)>}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x16xf32>) {
  ^bb0(%a: vector<16xf32>):
    mixln.yield rows(%a : vector<16xf32>)
  }
  mixln.store %y, @y : tensor<8x16xf32>
}

// -----

// An operand must not be read beyond its end.
mixln.variable @x : tensor<8x2x16xf32> input
mixln.entry @e {
  %x = mixln.load @x : tensor<8x2x16xf32>
  // expected-error @+1 {{row operand 0 of type 'tensor<8x2x16xf32>' is read up to index 2 of a dimension of 2}}
  %y = mixln.rowwise [8, 2] rows(%x : tensor<8x2x16xf32> by (d0, d1) -> (d0, d1 + 1)) -> rows(tensor<8x2x16xf32>) {
  ^bb0(%a: vector<16xf32>):
    mixln.yield rows(%a : vector<16xf32>)
  }
}

// -----

// A domain is rows, or rows and heads.
mixln.entry @e {
  // expected-error @+1 {{domain has 3 dimensions, expected (rows) or (rows, heads)}}
  %y = mixln.rowwise [8, 2, 2] -> rows(tensor<8x2x2xf32>) {
    %c = arith.constant 0.0 : f32
    mixln.yield rows(%c : f32)
  }
}

// -----

// A sum starts from a tensor of its own type.
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @s : tensor<16xf32> output
mixln.entry @e {
  %x = mixln.load @x : tensor<8x32xf32>
  %s = mixln.load @s : tensor<16xf32>
  // expected-error @+1 {{sum 0 starts from 'tensor<16xf32>' but has type 'tensor<32xf32>'}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) into(0: %s : tensor<16xf32>) -> sums(tensor<32xf32>) {
  ^bb0(%a: vector<32xf32>):
    mixln.yield sums(%a : vector<32xf32>)
  }
}

// -----

// What the region yields must match the results.
mixln.variable @x : tensor<8x32xf32> input
mixln.entry @e {
  %x = mixln.load @x : tensor<8x32xf32>
  // expected-error @+1 {{yields 1 rows and 0 sums but has 0 and 1 results}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> sums(tensor<32xf32>) {
  ^bb0(%a: vector<32xf32>):
    mixln.yield rows(%a : vector<32xf32>)
  }
}

// -----

// A map of a sum names heads or nothing, never rows.
mixln.variable @x : tensor<8x32xf32> input
mixln.entry @e {
  %x = mixln.load @x : tensor<8x32xf32>
  // expected-error @+1 {{map of sum 0 must keep heads or nothing, found affine_map<(d0) -> (d0)>}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> sums(tensor<8x32xf32> by (d0) -> (d0)) {
  ^bb0(%a: vector<32xf32>):
    mixln.yield sums(%a : vector<32xf32>)
  }
}

// -----

// What is yielded is a number or a row.
mixln.variable @x : tensor<4xf32> input
mixln.entry @e {
  %x = mixln.load @x : tensor<4xf32>
  // expected-error @below {{yields 'vector<f32>', expected a number or a vector of rank 1}}
  %y = mixln.rowwise [4] rows(%x : tensor<4xf32>) -> rows(tensor<4xf32>) {
  ^bb0(%a: f32):
    %v = arith.constant dense<1.0> : vector<f32>
    mixln.yield rows(%v : vector<f32>)
  }
}

// -----

// Nor before its beginning.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{row operand 0 of type 'tensor<8x4xf32>' is read from index -1}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x4xf32> by (d0) -> (d0 - 1)) -> rows(tensor<8x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield rows(%a : vector<4xf32>)
  }
}

// -----

// Where a map falls, its last point reaches least far.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{row operand 0 of type 'tensor<8x4xf32>' is read from index -1}}
  %y = mixln.rowwise [9] rows(%x : tensor<8x4xf32> by (d0) -> (-d0 + 7)) -> rows(tensor<9x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield rows(%a : vector<4xf32>)
  }
}

// -----

// And its first one furthest.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{row operand 0 of type 'tensor<8x4xf32>' is read up to index 8 of a dimension of 8}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x4xf32> by (d0) -> (-d0 + 8)) -> rows(tensor<8x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield rows(%a : vector<4xf32>)
  }
}

// -----

// Kernels divide unsigned numbers.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{expected sums and multiples of dimensions, and what is not negative divided by positive constants}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x4xf32> by (d0) -> ((d0 - 1) mod 3)) -> rows(tensor<8x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield rows(%a : vector<4xf32>)
  }
}

// -----

// An index that overflows has no bounds.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{expected sums and multiples of dimensions, and what is not negative divided by positive constants}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x4xf32> by (d0) -> (d0 * 4611686018427387904)) -> rows(tensor<8x4xf32>) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield rows(%a : vector<4xf32>)
  }
}

// -----

// A row lies in memory as what it was computed as, or as bf16.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{row result has type 'tensor<8x4xi32>', expected 'tensor<8x4xf32>'}}
  %y = mixln.rowwise [8] rows(%x : tensor<8x4xf32>) -> rows(tensor<8x4xi32>) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield rows(%a : vector<4xf32>)
  }
}

// -----

// Integers are not rounded.
mixln.entry @e {
  %x = tensor.empty() : tensor<8xi32>
  // expected-error @+1 {{row result has type 'tensor<8xbf16>', expected 'tensor<8xi32>'}}
  %y = mixln.rowwise [8] rows(%x : tensor<8xi32>) -> rows(tensor<8xbf16>) {
  ^bb0(%a: i32):
    mixln.yield rows(%a : i32)
  }
}

// -----

// A sum keeps its heads once.
mixln.entry @e {
  %x = tensor.empty() : tensor<8x2x4xf32>
  // expected-error @+1 {{map of sum 0 must keep heads or nothing, found affine_map<(d0, d1) -> (d1, d1)>}}
  %y = mixln.rowwise [8, 2] rows(%x : tensor<8x2x4xf32>) -> sums(tensor<2x2x4xf32> by (d0, d1) -> (d1, d1)) {
  ^bb0(%a: vector<4xf32>):
    mixln.yield sums(%a : vector<4xf32>)
  }
}
