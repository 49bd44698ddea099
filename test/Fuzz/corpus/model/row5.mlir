%t = tensor.empty() : tensor<4xf32>
%r = mixln.rowwise [4] rows(%t : tensor<4xf32>) -> rows(tensor<4xf32>) {
^bb0(%a: f32):
 %v = arith.constant dense<1.0> : vector<f32>
 mixln.yield rows(%v : vector<f32>)
}