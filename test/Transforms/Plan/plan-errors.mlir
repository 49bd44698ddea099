// RUN: mixln-opt %s --mixln-plan-memory --verify-diagnostics --split-input-file

// A slice of columns is no range of bytes.
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @y : tensor<8x16xf32> output
mixln.entry @columns {
  %x = mixln.load @x : tensor<8x32xf32>
  // expected-error @+1 {{takes part of the rows of 'tensor<8x32xf32>', expected whole rows}}
  %0 = tensor.extract_slice %x[0, 0] [8, 16] [1, 1] : tensor<8x32xf32> to tensor<8x16xf32>
  mixln.store %0, @y : tensor<8x16xf32>
}

// -----

// Columns side by side are no range of bytes either.
mixln.variable @x : tensor<8x32xf32> input
mixln.variable @y : tensor<8x64xf32> output
mixln.entry @side_by_side {
  %x = mixln.load @x : tensor<8x32xf32>
  // expected-error @+1 {{joins dimension 1, expected 0}}
  %0 = tensor.concat dim(1) %x, %x : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x64xf32>
  mixln.store %0, @y : tensor<8x64xf32>
}

// -----

// An operation without a kernel cannot be planned.
mixln.variable @y : tensor<4xf32> output
mixln.entry @constant {
  // expected-error @+1 {{cannot be planned; expected an operation on tensors that has a kernel}}
  %0 = arith.constant dense<1.0> : tensor<4xf32>
  mixln.store %0, @y : tensor<4xf32>
}
