%t = tensor.empty() : tensor<4xf32>
%r = mixln.rowwise [4] rows(%t : tensor<4xf32>) -> rows(tensor<4xf32>) {
^bb0(%a: f32):
 %v = "builtin.unrealized_conversion_cast"() : () -> ((i32)->i32)
 mixln.yield rows(%v : (i32)->i32)
}