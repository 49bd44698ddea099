// RUN: mixln-opt %s --verify-diagnostics --split-input-file

// The inner extents of a product must agree.
mixln.variable @a : tensor<8x32xf32> input
mixln.variable @w : tensor<16x24xf32> parameter
mixln.entry @e {
  %a = mixln.load @a : tensor<8x32xf32>
  %w = mixln.load @w : tensor<16x24xf32>
  // expected-error @+1 {{product 0 sums over 32 columns of the left and 24 of the right side}}
  %c = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%w : tensor<16x24xf32>) transpose_rhs -> tensor<8x16xf32>
}

// -----

// Heads must divide the width of q.
mixln.variable @q : tensor<8x30xf32> input
mixln.variable @c : tensor<4x8xf32> input
mixln.entry @e {
  %q = mixln.load @q : tensor<8x30xf32>
  %c = mixln.load @c : tensor<4x8xf32>
  // expected-error @+1 {{width 30 of q is not a multiple of heads 4}}
  %ctx, %lse = mixln.attention %q, %q, %q, %c, %c {heads = 4 : i64} : tensor<8x30xf32>, tensor<8x30xf32>, tensor<8x30xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x30xf32>, tensor<8x4xf32>
}

// -----

// A panel layout is read with the transposition it was made for.
mixln.variable @a : tensor<8x32xf32> input
mixln.variable @w : tensor<32x32xf32> parameter
mixln.entry @e {
  %a = mixln.load @a : tensor<8x32xf32>
  %w = mixln.load @w : tensor<32x32xf32>
  %p = mixln.pack %w : tensor<32x32xf32> -> tensor<32x32xf32, #mixln.packed<transposed>>
  // expected-error @+1 {{product 0 reads a right side packed for transpose_rhs}}
  %c = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%p : tensor<32x32xf32, #mixln.packed<transposed>>) -> tensor<8x32xf32>
}

// -----

// What multiplies the scores is positive.
mixln.variable @q : tensor<8x32xf32> input
mixln.variable @cos : tensor<4x8xf32> constant
mixln.entry @e {
  %q = mixln.load @q : tensor<8x32xf32>
  %cos = mixln.load @cos : tensor<4x8xf32>
  // expected-error @+1 {{scale is -5.000000e-01, expected a positive number}}
  %ctx, %lse = mixln.attention %q, %q, %q, %cos, %cos {heads = 2 : i64, scale = -0.5 : f64} : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
}

// -----

// A load has the type of its variable.
// expected-note @+1 {{the variable}}
mixln.variable @a : tensor<8x32xf32> input
mixln.entry @e {
  // expected-error @+1 {{has type 'tensor<8x16xf32>' but variable @a has type 'tensor<8x32xf32>'}}
  %a = mixln.load @a : tensor<8x16xf32>
}

// -----

// A variable that is used must exist.
mixln.entry @e {
  // expected-error @+1 {{unknown variable @b}}
  %a = mixln.load @b : tensor<8x16xf32>
}

// -----

// The gradient of a table has as many segment starts as rows, plus one.
mixln.variable @dy : tensor<8x32xf32> input
mixln.variable @ids : tensor<8xi32> input
mixln.entry @e {
  %dy = mixln.load @dy : tensor<8x32xf32>
  %ids = mixln.load @ids : tensor<8xi32>
  // expected-error @+1 {{number of segment starts is 8, expected 9}}
  %g = mixln.embedding_grad %dy, %ids, %ids, %ids : tensor<8x32xf32>, tensor<8xi32>, tensor<8xi32>, tensor<8xi32> -> tensor<96x32xf32>
}

// -----

mixln.entry @f {
  %w = tensor.empty() : tensor<32x32xbf16>
  // expected-error @+1 {{expected the same element type or f32 that becomes bf16}}
  %p = mixln.pack %w : tensor<32x32xbf16> -> tensor<32x32xf32, #mixln.packed>
}

// -----

mixln.entry @f {
  %x = tensor.empty() : tensor<32x32xf32>
  // expected-error @+1 {{expected pairs of bf16}}
  %p = mixln.pack %x : tensor<32x32xf32> -> tensor<32x32xf32, #mixln.paired>
}

// -----

mixln.entry @f {
  %x = tensor.empty() : tensor<32x32xf32>
  // expected-error @+1 {{expected the encoding #mixln.packed or #mixln.paired}}
  %p = mixln.pack %x : tensor<32x32xf32> -> tensor<32x32xbf16>
}

// -----

mixln.entry @f {
  %x = tensor.empty() : tensor<32x32xbf16>
  %p = mixln.pack %x : tensor<32x32xbf16> -> tensor<32x32xbf16, #mixln.paired>
  // expected-error @+1 {{reads a paired side, expected transpose_lhs alone}}
  %y = mixln.matmul lhs(%x : tensor<32x32xbf16>) rhs(%p : tensor<32x32xbf16, #mixln.paired>) -> tensor<32x32xf32>
}

// -----

mixln.entry @f {
  %q = tensor.empty() : tensor<8x32xbf16>
  %k = tensor.empty() : tensor<8x32xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  // expected-error @+1 {{expected the same element type}}
  %ctx, %lse = mixln.attention %q, %k, %k, %cos, %cos {heads = 2 : i64}
    : tensor<8x32xbf16>, tensor<8x32xf32>, tensor<8x32xf32>, tensor<4x8xf32>, tensor<4x8xf32>
    -> tensor<8x32xbf16>, tensor<8x2xf32>
}

// -----

// Nothing is divided by a width of zero: no variable has one.
// expected-error @+1 {{has type 'tensor<8x0xf32>', expected extents of 1 to 1099511627776}}
mixln.variable @q : tensor<8x0xf32> input
mixln.entry @e {
  %q = mixln.load @q : tensor<8x0xf32>
  %ctx, %lse = mixln.attention %q, %q, %q, %q, %q {heads = 2 : i64} : tensor<8x0xf32>, tensor<8x0xf32>, tensor<8x0xf32>, tensor<8x0xf32>, tensor<8x0xf32> -> tensor<8x0xf32>, tensor<8x2xf32>
}

// -----

// A step is one position.
mixln.entry @f {
  %q = tensor.empty() : tensor<2x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x16xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{number of rows of q is 2, expected 1}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<2x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32>
    -> tensor<2x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// -----

// With one key.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<2x16xf32>
  %v = tensor.empty() : tensor<2x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x16xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{number of rows of k is 2, expected 1}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<1x32xf32>, tensor<2x16xf32>, tensor<2x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32>
    -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// -----

// A cache has as many rows as there are rotations.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<5x16xf32>
  %values = tensor.empty() : tensor<5x16xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{keys has type 'tensor<5x16xf32>', expected 'tensor<4x16xf32>'}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<5x16xf32>, tensor<5x16xf32>, tensor<1xi32>
    -> tensor<1x32xf32>, tensor<5x16xf32>, tensor<5x16xf32>
}

// -----

// It is as wide as k.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x32xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{values has type 'tensor<4x32xf32>', expected 'tensor<4x16xf32>'}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x32xf32>, tensor<1xi32>
    -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x32xf32>
}

// -----

// What it becomes has its type.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x16xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{new_keys has type 'tensor<4x16xbf16>', expected 'tensor<4x16xf32>'}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32>
    -> tensor<1x32xf32>, tensor<4x16xbf16>, tensor<4x16xf32>
}

// -----

// There is one position.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x16xf32>
  %at = tensor.empty() : tensor<2xi32>
  // expected-error @+1 {{position has type 'tensor<2xi32>', expected tensor<1xi32>}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<2xi32>
    -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// -----

// Heads divide the width of q.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x16xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{is not a multiple of heads 3}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 3 : i64}
    : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32>
    -> tensor<1x32xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// -----

// The result is as wide as q.
mixln.entry @f {
  %q = tensor.empty() : tensor<1x32xf32>
  %k = tensor.empty() : tensor<1x16xf32>
  %v = tensor.empty() : tensor<1x16xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %keys = tensor.empty() : tensor<4x16xf32>
  %values = tensor.empty() : tensor<4x16xf32>
  %at = tensor.empty() : tensor<1xi32>
  // expected-error @+1 {{ctx has type 'tensor<1x16xf32>' but q has type 'tensor<1x32xf32>'}}
  %ctx, %k1, %v1 = mixln.attention_step %q, %k, %v, %cos, %cos, %keys, %values, %at {heads = 2 : i64}
    : tensor<1x32xf32>, tensor<1x16xf32>, tensor<1x16xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>, tensor<4x16xf32>, tensor<1xi32>
    -> tensor<1x16xf32>, tensor<4x16xf32>, tensor<4x16xf32>
}

// -----

// Every query has a key of its position.
mixln.entry @f {
  %q = tensor.empty() : tensor<8x32xf32>
  %k = tensor.empty() : tensor<4x32xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  // expected-error @+1 {{number of rows of k is 4, expected 8}}
  %ctx, %lse = mixln.attention %q, %k, %k, %cos, %cos {heads = 2 : i64} : tensor<8x32xf32>, tensor<4x32xf32>, tensor<4x32xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
}

// -----

// So has every query of the backward.
mixln.entry @f {
  %q = tensor.empty() : tensor<8x32xf32>
  %k = tensor.empty() : tensor<16x32xf32>
  %cos = tensor.empty() : tensor<4x8xf32>
  %lse = tensor.empty() : tensor<8x2xf32>
  // expected-error @+1 {{number of rows of k is 16, expected 8}}
  %dq, %dk, %dv = mixln.attention_grad %q, %k, %k, %cos, %cos, %q, %lse, %q {heads = 2 : i64}
    : tensor<8x32xf32>, tensor<16x32xf32>, tensor<16x32xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<8x32xf32>, tensor<8x2xf32>, tensor<8x32xf32>
    -> tensor<8x32xf32>, tensor<16x32xf32>, tensor<16x32xf32>
}

// -----

// A measurement that is placed exists.
mixln.entry @f {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{unknown measurement @size}}
  %m = mixln.measure_at @size (%x : tensor<8x4xf32>) -> tensor<8xf32>
}

// -----

// It has a value for each input.
// expected-note @+1 {{the measurement has 1 inputs and 1 results}}
mixln.measure @size inputs ["dx"] per "layer" reduce "max" {
^bb0(%d: vector<4xf32>):
  %0 = vector.reduction <add>, %d : vector<4xf32> into f32
  mixln.yield rows(%0 : f32)
}
mixln.entry @f {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{has 2 values and 1 numbers}}
  %m = mixln.measure_at @size (%x, %x : tensor<8x4xf32>, tensor<8x4xf32>) -> tensor<8xf32>
}

// -----

// Its values have rows as its inputs.
mixln.measure @size inputs ["dx"] per "layer" reduce "max" {
^bb0(%d: vector<8xf32>):
  %0 = vector.reduction <add>, %d : vector<8xf32> into f32
  mixln.yield rows(%0 : f32)
}
mixln.entry @f {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{has a value of type 'tensor<8x4xf32>' for rows of type 'vector<8xf32>'}}
  %m = mixln.measure_at @size (%x : tensor<8x4xf32>) -> tensor<8xf32>
}

// -----

// It gives a number a row.
mixln.entry @f {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{yields 'tensor<4xf32>', expected 'tensor<8xf32>'}}
  %m = mixln.measure_at @size (%x : tensor<8x4xf32>) -> tensor<4xf32>
}

// -----

// And at least one.
mixln.entry @f {
  %x = tensor.empty() : tensor<8x4xf32>
  // expected-error @+1 {{needs values and numbers}}
  "mixln.measure_at"(%x) <{measure = @size}> : (tensor<8x4xf32>) -> ()
}
