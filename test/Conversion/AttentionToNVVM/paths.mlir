// Attention of f32, and heads of bf16 that are no multiple of 16, are computed
// by fma; where measurements read scores, the kernel writes them too.
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda | FileCheck %s

// Measured: five operands, four results, a size.
// CHECK: llvm.func ptx_kernelcc @f32(
// CHECK-SAME: %arg8: !llvm.ptr
// CHECK-SAME: %arg9: i64
// CHECK-NOT: mma.m16n8k16
// CHECK: llvm.func ptx_kernelcc @odd_head(
// CHECK-SAME: %arg7: i64
// CHECK-NOT: mma.m16n8k16
// CHECK: llvm.func ptx_kernelcc @measured(
// CHECK-SAME: %arg9: i64
// CHECK: mma.m16n8k16
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @f32 {
^bb0(%q: tensor<8x16xf32>, %k: tensor<8x16xf32>, %v: tensor<8x16xf32>,
     %cos: tensor<8x8xf32>, %sin: tensor<8x8xf32>):
  %r:4 = mixln.attention %q, %k, %v, %cos, %sin {heads = 1 : i64}
    : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x8xf32>,
      tensor<8x8xf32>
    -> tensor<8x16xf32>, tensor<8x1xf32>, tensor<8x1xf32>, tensor<8x1xf32>
}
mixln.kernel @odd_head {
^bb0(%q: tensor<8x52xbf16>, %k: tensor<8x52xbf16>, %v: tensor<8x52xbf16>,
     %cos: tensor<8x26xf32>, %sin: tensor<8x26xf32>):
  %r:2 = mixln.attention %q, %k, %v, %cos, %sin {heads = 1 : i64}
    : tensor<8x52xbf16>, tensor<8x52xbf16>, tensor<8x52xbf16>,
      tensor<8x26xf32>, tensor<8x26xf32> -> tensor<8x52xbf16>, tensor<8x1xf32>
}
mixln.kernel @measured {
^bb0(%q: tensor<8x16xbf16>, %k: tensor<8x16xbf16>, %v: tensor<8x16xbf16>,
     %cos: tensor<8x8xf32>, %sin: tensor<8x8xf32>):
  %r:4 = mixln.attention %q, %k, %v, %cos, %sin {heads = 1 : i64}
    : tensor<8x16xbf16>, tensor<8x16xbf16>, tensor<8x16xbf16>, tensor<8x8xf32>,
      tensor<8x8xf32>
    -> tensor<8x16xbf16>, tensor<8x1xf32>, tensor<8x1xf32>, tensor<8x1xf32>
}
}
