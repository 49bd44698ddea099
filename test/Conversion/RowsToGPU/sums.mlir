// A sum over rows has two phases: each team adds up the rows of its slot in registers and stores them in the workspace;
// then a block for every 32 columns adds up the slots, sixteen warps a share each, and the warps in order. No atomics.
// RUN: mixlnc %s --compile_from plan --compile_to lower --target cuda -o - | FileCheck %s

// CHECK-NOT: llvm.atomicrmw

// CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$512(
// CHECK-SAME: %arg0: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias, llvm.readonly}, %[[SUM:.*]]: !llvm.ptr {llvm.align = 64 : i64}, %[[WORKSPACE:.*]]: !llvm.ptr
// CHECK: llvm.getelementptr %[[WORKSPACE]]
// CHECK: ^[[ROWS:bb[0-9]+]](%{{.*}}: i64, %[[TOTAL:[0-9]+]]: vector<8xf32>, %{{.*}}: vector<8xf32>):
// CHECK: llvm.fadd %[[TOTAL]]
// CHECK: llvm.br ^[[ROWS]]
// CHECK-COUNT-4: llvm.store {{.*}} : vector<4xf32>, !llvm.ptr
// CHECK: llvm.return

// CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$512_sums(
// CHECK-SAME: ["nvvm.maxntid", "512"]
// CHECK: ^[[SLOTS:bb[0-9]+]](%{{.*}}: i64, %[[PART:[0-9]+]]: f32):
// CHECK: llvm.load {{.*}} -> f32
// CHECK: llvm.fadd %[[PART]]
// CHECK: llvm.br ^[[SLOTS]]
// CHECK: llvm.nvvm.barrier.cta.sync.aligned.all
// CHECK-COUNT-15: llvm.fadd
// CHECK: llvm.store {{.*}} : f32, !llvm.ptr
// CHECK: llvm.return

module {
  mixln.variable @x : tensor<4096x512xf32> input
  mixln.variable @g : tensor<512xf32> output
  mixln.entry @sum {
    %x = mixln.load @x : tensor<4096x512xf32>
    %g = mixln.rowwise [4096] rows(%x : tensor<4096x512xf32>) -> sums(tensor<512xf32>) {
    ^bb0(%a: vector<512xf32>):
      mixln.yield sums(%a : vector<512xf32>)
    }
    mixln.store %g, @g : tensor<512xf32>
  }
}
