// A product that no kernel of a GPU computes is an error that says why.
// RUN: split-file %s %t
// RUN: not mixlnc %t/list.mlir --compile_from lower --compile_to lower --target cuda --gpu_matmul generated 2>&1 | FileCheck %s --check-prefix=LIST
// RUN: not mixlnc %t/types.mlir --compile_from lower --compile_to lower --target cuda --gpu_matmul generated 2>&1 | FileCheck %s --check-prefix=TYPES
// RUN: not mixlnc %t/list.mlir --target cuda --gpu_matmul cutlass 2>&1 | FileCheck %s --check-prefix=FLAG

// LIST: is a list of products, expected one: mixln-split-products is missing
// TYPES: multiplies f32 with bf16: a cast of the f32 side is missing
// FLAG: --gpu_matmul is 'cutlass', expected library or generated

//--- list.mlir
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @list {
^bb0(%a: tensor<8x16xf32>, %c: tensor<16x8xf32>, %e: tensor<16x8xf32>):
  %d:2 = mixln.matmul lhs(%a : tensor<8x16xf32>)
      rhs(%c, %e : tensor<16x8xf32>, tensor<16x8xf32>)
      -> tensor<8x8xf32>, tensor<8x8xf32>
}
}
//--- types.mlir
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @types {
^bb0(%a: tensor<8x16xbf16>, %c: tensor<16x8xf32>):
  %d = mixln.matmul lhs(%a : tensor<8x16xbf16>) rhs(%c : tensor<16x8xf32>)
      -> tensor<8x8xf32>
}
}
