// Padded rows are read and written 16 bytes at a time, pads included: these enter no reduction and are stored as zeros.
// RUN: mixlnc %s --compile_from plan --compile_to lower --target cuda -o - | FileCheck %s

// The weight's copy reads dense rows, and so moves one number at a time.

// CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$13(
// CHECK: llvm.load {{.*}} -> bf16
// CHECK: llvm.store {{.*}} : bf16, !llvm.ptr
// CHECK: llvm.return

// CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$13$2(
// CHECK: %[[WIDTH:.*]] = llvm.mlir.constant(dense<13> : vector<8xi32>)
// CHECK: %[[STRIDE:.*]] = llvm.mlir.constant(16 : i64)
// CHECK: %[[ROW:.*]] = llvm.intr.smin
// CHECK: llvm.mul %[[ROW]], %[[STRIDE]]
// CHECK: %[[IS_ROW:.*]] = llvm.icmp "slt" %{{.*}}, %[[WIDTH]] : vector<8xi32>
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<8xbf16>
// CHECK: llvm.select %[[IS_ROW]]
// CHECK: llvm.nvvm.shfl.sync.bfly.f32
// CHECK: %[[TO_ROW:.*]] = llvm.icmp "slt" %{{.*}}, %[[WIDTH]] : vector<8xi32>
// CHECK: llvm.select %[[TO_ROW]]
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr
// CHECK: llvm.return
module {
  mixln.variable @g : tensor<64x8xbf16> input
  mixln.variable @w : tensor<8x13xbf16> parameter
  mixln.variable @y : tensor<64x8xbf16> output
  mixln.entry @step {
    %g = mixln.load @g : tensor<64x8xbf16>
    %w = mixln.load @w : tensor<8x13xbf16>
    %h = mixln.matmul lhs(%g : tensor<64x8xbf16>) rhs(%w : tensor<8x13xbf16>) -> tensor<64x13xbf16>
    %p = mixln.rowwise [64] rows(%h : tensor<64x13xbf16>) -> rows(tensor<64x13xbf16>) {
    ^bb0(%a: vector<13xf32>):
      %s = vector.reduction <add>, %a : vector<13xf32> into f32
      %b = vector.broadcast %s : f32 to vector<13xf32>
      %c = arith.mulf %a, %b : vector<13xf32>
      mixln.yield rows(%c : vector<13xf32>)
    }
    %y = mixln.matmul lhs(%p : tensor<64x13xbf16>) rhs(%w : tensor<8x13xbf16>) transpose_rhs -> tensor<64x8xbf16>
    mixln.store %y, @y : tensor<64x8xbf16>
  }
}
