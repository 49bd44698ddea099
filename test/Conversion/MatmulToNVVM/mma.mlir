// Generated products of bf16 are formed on tensor cores: the next tiles are on
// their way, zero beyond the matrices, while the present ones are multiplied,
// and the result is stored 8 columns at a time.
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda --gpu_matmul generated | FileCheck %s
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda --gpu_matmul library | FileCheck %s --check-prefix=LIBRARY

// LIBRARY-NOT: llvm.func

// CHECK-LABEL: llvm.func ptx_kernelcc @product(
// Two chunks a thread of each side, then again in the loop.
// CHECK-COUNT-4: cp.async.cg.shared.global.16.s
// CHECK: cp.async.commit.group
// CHECK: cp.async.wait.group
// CHECK: barrier
// CHECK-COUNT-4: cp.async.cg.shared.global.16.s
// CHECK: cp.async.commit.group
// B lies along the depth, A does not. A warp has 32 x 32 of the result.
// CHECK: ldmatrix.sync.aligned.m8n8.x4.b16
// CHECK: ldmatrix.sync.aligned.m8n8.x4.b16
// CHECK: ldmatrix.sync.aligned.m8n8.x4.trans.b16
// CHECK-COUNT-16: mma.m16n8k16.row.col.bf16
// CHECK-NOT: mma.m16n8k16
// CHECK: barrier
// CHECK: barrier
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<8xbf16>
// CHECK: llvm.fadd
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @product {
^bb0(%a: tensor<72x40xbf16>, %c: tensor<40x136xbf16>, %i: tensor<72x136xbf16>):
  %d = mixln.matmul lhs(%a : tensor<72x40xbf16>) rhs(%c : tensor<40x136xbf16>)
      into(%i : tensor<72x136xbf16>) -> tensor<72x136xbf16>
}
}
