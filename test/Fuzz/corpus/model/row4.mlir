%t = tensor.empty() : tensor<4xf32>
%r = mixln.rowwise [4] rows(%t : tensor<4xf32>) -> rows(tensor<4xf32>) {
^bb0(%a: f32):
 %v = arith.constant dense<1> : tensor<2x2xi8>
 mixln.yield rows(%v : tensor<2x2xi8>)
}