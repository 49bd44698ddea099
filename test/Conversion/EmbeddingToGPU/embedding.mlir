// A thread looks eight columns up. In the gradient a block owns a run of equal tokens and 256 columns: eight warps share
// its rows, and are added up in order, so that no two blocks write one address.
// RUN: mixlnc %s --compile_from plan --compile_to lower --target cuda -o - | FileCheck %s

// CHECK-NOT: llvm.atomicrmw

// CHECK-LABEL: llvm.func ptx_kernelcc @embedding(
// CHECK-SAME: ["nvvm.maxntid", "256"]
// CHECK: llvm.load {{.*}} -> i32
// CHECK-COUNT-2: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK-COUNT-2: llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr
// CHECK: llvm.return

// First all of the table's gradient becomes zero: most tokens do not occur.

// CHECK-LABEL: llvm.func ptx_kernelcc @embedding_grad_clear(
// CHECK-NOT: llvm.load
// CHECK: llvm.return

// CHECK-LABEL: llvm.func ptx_kernelcc @embedding_grad(
// CHECK-SAME: ["nvvm.maxntid", "256"]
// CHECK: ^[[ROWS:bb[0-9]+]](%{{.*}}: i64, %[[SUM:[0-9]+]]: vector<8xf32>):
// CHECK: llvm.fadd %[[SUM]]
// CHECK: llvm.br ^[[ROWS]]
// CHECK: llvm.nvvm.barrier.cta.sync.aligned.all
// CHECK-COUNT-7: llvm.fadd
// CHECK: llvm.store {{.*}} : vector<4xf32>, !llvm.ptr
// CHECK: llvm.return

module {
  mixln.variable @table : tensor<96x256xf32> parameter
  mixln.variable @ids : tensor<64xi32> input
  mixln.variable @order : tensor<64xi32> input
  mixln.variable @starts : tensor<65xi32> input
  mixln.variable @dy : tensor<64x256xf32> input
  mixln.variable @y : tensor<64x256xf32> output
  mixln.variable @g : tensor<96x256xf32> output
  mixln.entry @forward {
    %table = mixln.load @table : tensor<96x256xf32>
    %ids = mixln.load @ids : tensor<64xi32>
    %y = mixln.embedding %table, %ids : tensor<96x256xf32>, tensor<64xi32> -> tensor<64x256xf32>
    mixln.store %y, @y : tensor<64x256xf32>
  }
  mixln.entry @backward {
    %dy = mixln.load @dy : tensor<64x256xf32>
    %ids = mixln.load @ids : tensor<64xi32>
    %order = mixln.load @order : tensor<64xi32>
    %starts = mixln.load @starts : tensor<65xi32>
    %g = mixln.embedding_grad %dy, %ids, %order, %starts
      : tensor<64x256xf32>, tensor<64xi32>, tensor<64xi32>, tensor<65xi32> -> tensor<96x256xf32>
    mixln.store %g, @g : tensor<96x256xf32>
  }
}
