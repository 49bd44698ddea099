%t = tensor.empty() : tensor<4xf32>
%r = mixln.rowwise [4] rows(%t : tensor<4xf32>) -> sums(tensor<1xf32> by affine_map<(d0)->(d0+1)>) {
^bb0(%a: f32):
 %v = arith.constant 1 : index
 mixln.yield sums(%v : index)
}