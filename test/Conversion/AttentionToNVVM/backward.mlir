// The backward of bf16 is two kernels on tensor cores: dQ by tiles of queries,
// with D = sum(dO * O) for the other, dK and dV by tiles of keys.
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda | FileCheck %s

// CHECK-LABEL: llvm.func ptx_kernelcc @grad_dq(
// D: two lanes a row.
// CHECK: shfl.sync.bfly.f32
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr
// Q Kt and dO Vt of 64 keys, one step of 16 deep; then dS K, 4 steps.
// CHECK-COUNT-16: mma.m16n8k16.row.col.bf16
// CHECK: ex2.approx.ftz.f32
// CHECK-COUNT-8: mma.m16n8k16.row.col.bf16
// CHECK-NOT: mma.m16n8k16
// Rotated back before it is rounded.
// CHECK: bar.warp.sync
// CHECK: ff2bf16x2.rn
// CHECK-LABEL: llvm.func ptx_kernelcc @grad_dkv(
// K Qt and V dOt, then Pt dO and dSt Q.
// CHECK-COUNT-16: mma.m16n8k16.row.col.bf16
// CHECK: ex2.approx.ftz.f32
// CHECK-COUNT-16: mma.m16n8k16.row.col.bf16
// CHECK-NOT: mma.m16n8k16
// No two blocks add to one number.
// CHECK-NOT: atomic
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @grad {
^bb0(%q: tensor<64x16xbf16>, %k: tensor<64x16xbf16>, %v: tensor<64x16xbf16>,
     %cos: tensor<64x8xf32>, %sin: tensor<64x8xf32>, %ctx: tensor<64x16xbf16>,
     %lse: tensor<64x1xf32>, %dctx: tensor<64x16xbf16>):
  %dq, %dk, %dv = mixln.attention_grad %q, %k, %v, %cos, %sin, %ctx, %lse, %dctx
    {heads = 1 : i64}
    : tensor<64x16xbf16>, tensor<64x16xbf16>, tensor<64x16xbf16>,
      tensor<64x8xf32>, tensor<64x8xf32>, tensor<64x16xbf16>, tensor<64x1xf32>,
      tensor<64x16xbf16>
    -> tensor<64x16xbf16>, tensor<64x16xbf16>, tensor<64x16xbf16>
}
}
