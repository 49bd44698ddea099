// The forward of bf16 rotates queries once and keys tile by tile, forms both
// products on tensor cores with probabilities left in registers, and masks on
// the diagonal alone.
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda | FileCheck %s

// CHECK-LABEL: llvm.func ptx_kernelcc @attention(
// A head of 32 is two steps of 16 of the queries, loaded once.
// CHECK: barrier
// CHECK-COUNT-2: ldmatrix.sync.aligned.m8n8.x4.b16
// CHECK-NOT: ldmatrix
// For each tile of keys: values are on their way while keys are rotated.
// CHECK: ^bb1
// CHECK: barrier
// CHECK-COUNT-2: cp.async.cg.shared.global.16
// CHECK: cp.async.commit.group
// CHECK: llvm.fmul {{.*}} : vector<8xf32>
// CHECK: barrier
// 64 keys by 2 steps.
// CHECK-COUNT-16: mma.m16n8k16.row.col.bf16
// CHECK-NOT: mma.m16n8k16
// The mask, then maxima of rows over four lanes.
// CHECK: llvm.cond_br
// CHECK: llvm.select {{.*}} : i1, f32
// CHECK: shfl.sync.bfly.f32
// CHECK: ex2.approx.ftz.f32
// CHECK: cp.async.wait.group
// CHECK: barrier
// 64 keys in 4 steps by 32 columns: left sides come from registers.
// CHECK-COUNT-4: ff2bf16x2.rn
// CHECK: ldmatrix.sync.aligned.m8n8.x4.trans.b16
// CHECK: mma.m16n8k16.row.col.bf16
// CHECK: lg2.approx.ftz.f
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @attention {
^bb0(%q: tensor<64x64xbf16>, %k: tensor<64x32xbf16>, %v: tensor<64x32xbf16>,
     %cos: tensor<64x16xf32>, %sin: tensor<64x16xf32>):
  %ctx, %lse = mixln.attention %q, %k, %v, %cos, %sin {heads = 2 : i64}
    : tensor<64x64xbf16>, tensor<64x32xbf16>, tensor<64x32xbf16>,
      tensor<64x16xf32>, tensor<64x16xf32>
    -> tensor<64x64xbf16>, tensor<64x2xf32>
}
}
