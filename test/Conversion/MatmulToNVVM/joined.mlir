// A row program that needs no more of a row than a column at a time is computed
// where the product is stored: SwiGLU of a product and a tensor in memory, the
// product itself kept for others.
// RUN: mixlnc %s --compile_from lower --compile_to lower --target cuda --gpu_matmul generated | FileCheck %s

// CHECK-LABEL: llvm.func ptx_kernelcc @swiglu(
// The sides and the gate are read, the product and the result are written.
// CHECK-SAME: %arg2: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias, llvm.readonly}
// CHECK-SAME: %arg3: !llvm.ptr {llvm.align = 64 : i64}, %arg4: !llvm.ptr {llvm.align = 64 : i64}, %arg5: i64
// CHECK: mma.m16n8k16.row.col.bf16
// The product from shared memory, rounded as it would have been in memory.
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK: llvm.fptrunc {{.*}} : vector<8xf32> to vector<8xbf16>
// CHECK: llvm.fpext {{.*}} : vector<8xbf16> to vector<8xf32>
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<8xbf16>
// CHECK: llvm.intr.exp2({{.*}}) {fastmathFlags = #llvm.fastmath<afn>} : (vector<8xf32>)
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr
module attributes {mixln.arena_bytes = 4096 : i64, mixln.scratch_bytes = 0 : i64,
                   mixln.shared_offset = 4096 : i64, mixln.step_bytes = 4096 : i64} {
mixln.kernel @swiglu {
^bb0(%h: tensor<8x16xbf16>, %w: tensor<16x16xbf16>, %g: tensor<8x16xbf16>):
  %u, %y = mixln.joined (%h, %w, %g) keeps_product
      : (tensor<8x16xbf16>, tensor<16x16xbf16>, tensor<8x16xbf16>)
      -> (tensor<8x16xbf16>, tensor<8x16xbf16>) {
  ^bb0(%a: tensor<8x16xbf16>, %b: tensor<16x16xbf16>, %c: tensor<8x16xbf16>):
    %p = mixln.matmul lhs(%a : tensor<8x16xbf16>) rhs(%b : tensor<16x16xbf16>)
        transpose_rhs -> tensor<8x16xbf16>
    %z = mixln.rowwise [8] rows(%c, %p : tensor<8x16xbf16>, tensor<8x16xbf16>)
        -> rows(tensor<8x16xbf16>) {
    ^bb0(%gate: vector<16xf32>, %up: vector<16xf32>):
      %one = arith.constant dense<1.0> : vector<16xf32>
      %n = arith.negf %gate : vector<16xf32>
      %e = math.exp %n : vector<16xf32>
      %d = arith.addf %e, %one : vector<16xf32>
      %s = arith.divf %gate, %d : vector<16xf32>
      %r = arith.mulf %s, %up : vector<16xf32>
      mixln.yield rows(%r : vector<16xf32>)
    }
  }
}
}
