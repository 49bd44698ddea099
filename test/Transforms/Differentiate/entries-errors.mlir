// RUN: mixln-opt %s --mixln-differentiate --verify-diagnostics --split-input-file

// expected-error @below {{module has no entry @loss to differentiate}}
module {
  mixln.variable @w : tensor<4xf32> parameter
  mixln.entry @logits {
  }
}

// -----

mixln.variable @w : tensor<4xf32> parameter
// expected-error @below {{forward of entry @gradient stores no @loss_sum}}
mixln.entry @loss {
}

// -----

// The loss is one number.
mixln.variable @w : tensor<4xf32> parameter
mixln.variable @loss_sum : tensor<4xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<4xf32>
  // expected-error @below {{@loss_sum has type 'tensor<4xf32>', expected 'tensor<1xf32>'}}
  mixln.store %w, @loss_sum : tensor<4xf32>
}

// -----

// A table that is read again and again has no gradient, if it is trained.
mixln.variable @t : tensor<4x2xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %t = mixln.load @t : tensor<4x2xf32>
  // expected-error @below {{operand 0 of 'mixln.rowwise' has no derivative, but depends on parameters}}
  // expected-note @below {{found affine_map<(d0) -> (d0 mod 4)>}}
  %l = mixln.rowwise [8] rows(%t : tensor<4x2xf32> by (d0) -> (d0 mod 4)) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<2xf32>):
    %0 = vector.reduction <add>, %a : vector<2xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// As a constant it needs none.
mixln.variable @t : tensor<4x2xf32> constant
mixln.variable @w : tensor<8x2xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %t = mixln.load @t : tensor<4x2xf32>
  %w = mixln.load @w : tensor<8x2xf32>
  %l = mixln.rowwise [8] rows(%t, %w : tensor<4x2xf32> by (d0) -> (d0 mod 4), tensor<8x2xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<2xf32>, %b: vector<2xf32>):
    %0 = arith.mulf %a, %b : vector<2xf32>
    %1 = vector.reduction <add>, %0 : vector<2xf32> into f32
    mixln.yield sums(%1 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// A column of a matrix as an operand of its own is refused.
mixln.variable @t : tensor<8x4x2xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %t = mixln.load @t : tensor<8x4x2xf32>
  // expected-error @below {{operand 0 of 'mixln.rowwise' has no derivative, but depends on parameters}}
  // expected-note @below {{found affine_map<(d0, d1) -> (d0, d1 + 2)>}}
  %l = mixln.rowwise [8, 2] rows(%t : tensor<8x4x2xf32> by (d0, d1) -> (d0, d1 + 2)) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<2xf32>):
    %0 = vector.reduction <add>, %a : vector<2xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// Operations that do not say how they are differentiated.
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  // expected-error @below {{operation 'math.sin' has no derivative}}
  %s = math.sin %w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%s : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = vector.reduction <add>, %a : vector<4xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  // expected-note @below {{the loss stored here depends on parameters through it}}
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// The gradient of an embedding reads the batch in the order of its tokens.
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @ids : tensor<2xi32> input
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %i = mixln.load @ids : tensor<2xi32>
  // expected-error @below {{the gradient of 'mixln.embedding' needs the variable @token_order, which the module lacks}}
  %x = mixln.embedding %w, %i : tensor<8x4xf32>, tensor<2xi32> -> tensor<2x4xf32>
  %l = mixln.rowwise [2] rows(%x : tensor<2x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = vector.reduction <add>, %a : vector<4xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// No gradient flows through a variable: it would be zero without a word.
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @s : tensor<8x4xf32> output
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  // expected-note @below {{what is stored here depends on parameters}}
  mixln.store %w, @s : tensor<8x4xf32>
  // expected-error @below {{reads @s, through which no gradient flows}}
  %s = mixln.load @s : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%s : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = vector.reduction <add>, %a : vector<4xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
}

// -----

// What is measured of a gradient is known behind everything else.
mixln.measure @size inputs ["dx"] per "layer" reduce "max" {
^bb0(%d: vector<4xf32>):
  %0 = vector.reduction <add>, %d : vector<4xf32> into f32
  mixln.yield rows(%0 : f32)
}
mixln.variable @w : tensor<8x4xf32> parameter
mixln.variable @m : tensor<8xf32> output
mixln.variable @loss_sum : tensor<1xf32> output
mixln.entry @loss {
  %w = mixln.load @w : tensor<8x4xf32>
  %l = mixln.rowwise [8] rows(%w : tensor<8x4xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<4xf32>):
    %0 = vector.reduction <add>, %a : vector<4xf32> into f32
    mixln.yield sums(%0 : f32)
  }
  mixln.store %l, @loss_sum : tensor<1xf32>
  %m = mixln.measure_at @size (%w : tensor<8x4xf32>) -> tensor<8xf32>
  // expected-error @below {{reads what is measured of a gradient, which is only stored}}
  %n = mixln.rowwise [8] rows(%m : tensor<8xf32>) -> rows(tensor<8xf32>) {
  ^bb0(%a: f32):
    mixln.yield rows(%a : f32)
  }
  mixln.store %n, @m : tensor<8xf32>
}
