%q = tensor.empty() : tensor<f32>
%a = mixln.matmul lhs(%q : tensor<f32>) rhs(%q : tensor<f32>) -> tensor<f32>