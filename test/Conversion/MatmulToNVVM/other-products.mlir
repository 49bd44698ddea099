// Odd rows of bf16 are loaded and stored number by number but multiplied on
// tensor cores; f32 is multiplied by fma, in the order of k.
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda --gpu_matmul generated | FileCheck %s

// CHECK-LABEL: llvm.func ptx_kernelcc @odd(
// CHECK-NOT: cp.async.cg
// CHECK: llvm.load {{.*}} {alignment = 2 : i64} : !llvm.ptr -> bf16
// CHECK: mma.m16n8k16.row.col.bf16
// CHECK: llvm.store {{.*}} {alignment = 2 : i64} : bf16, !llvm.ptr
// CHECK-LABEL: llvm.func ptx_kernelcc @f32(
// CHECK-NOT: mma.m16n8k16
// CHECK-COUNT-16: llvm.intr.fma
// CHECK-NOT: llvm.intr.fma
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @odd {
^bb0(%a: tensor<8x13xbf16>, %c: tensor<5x13xbf16>):
  %d = mixln.matmul lhs(%a : tensor<8x13xbf16>) rhs(%c : tensor<5x13xbf16>)
      transpose_rhs -> tensor<8x5xbf16>
}
mixln.kernel @f32 {
^bb0(%a: tensor<16x8xf32>, %c: tensor<16x8xf32>):
  %d = mixln.matmul lhs(%a : tensor<16x8xf32>) rhs(%c : tensor<16x8xf32>)
      transpose_lhs -> tensor<8x8xf32>
}
}
