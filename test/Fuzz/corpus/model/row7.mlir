%t = tensor.empty() : tensor<4xf32>
%r = mixln.rowwise [] -> sums(tensor<1xf32>) {
^bb0:
 %v = arith.constant 1.0 : f32
 mixln.yield sums(%v : f32)
}