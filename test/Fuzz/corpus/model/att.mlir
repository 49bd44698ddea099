%q = tensor.empty() : tensor<8x0xf32>
%c = tensor.empty() : tensor<4x0xf32>
%a, %b = mixln.attention %q, %q, %q, %c, %c {heads = 2 : i64} : tensor<8x0xf32>, tensor<8x0xf32>, tensor<8x0xf32>, tensor<4x0xf32>, tensor<4x0xf32> -> tensor<8x0xf32>, tensor<8x2xf32>