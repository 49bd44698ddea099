// The length of a row alone says how many threads share it: a reduction takes as many shuffles as halve a team of up to a
// warp, and for more than one warp a barrier and as many shuffles as halve the number of warps.
// RUN: mixlnc %s --compile_from plan --compile_to lower --target cuda -o - | FileCheck %s

module {
  // One chunk of 8 columns: one thread, no shuffle.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$8(
  // CHECK-SAME: ["nvvm.maxntid", "128"]
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK: llvm.return
  mixln.variable @x8 : tensor<256x8xf32> input
  mixln.variable @y8 : tensor<256x8xbf16> output
  mixln.entry @squares8 {
    %x = mixln.load @x8 : tensor<256x8xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x8xf32>) -> rows(tensor<256x8xbf16>) {
    ^bb0(%a: vector<8xf32>):
      %q = arith.mulf %a, %a : vector<8xf32>
      %s = vector.reduction <add>, %q : vector<8xf32> into f32
      %b = vector.broadcast %s : f32 to vector<8xf32>
      %r = arith.mulf %a, %b : vector<8xf32>
      mixln.yield rows(%r : vector<8xf32>)
    }
    mixln.store %y, @y8 : tensor<256x8xbf16>
  }

  // Two chunks, two threads.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$16(
  // CHECK-SAME: ["nvvm.maxntid", "128"]
  // CHECK-COUNT-1: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK: llvm.return
  mixln.variable @x16 : tensor<256x16xf32> input
  mixln.variable @y16 : tensor<256x16xbf16> output
  mixln.entry @squares16 {
    %x = mixln.load @x16 : tensor<256x16xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x16xf32>) -> rows(tensor<256x16xbf16>) {
    ^bb0(%a: vector<16xf32>):
      %q = arith.mulf %a, %a : vector<16xf32>
      %s = vector.reduction <add>, %q : vector<16xf32> into f32
      %b = vector.broadcast %s : f32 to vector<16xf32>
      %r = arith.mulf %a, %b : vector<16xf32>
      mixln.yield rows(%r : vector<16xf32>)
    }
    mixln.store %y, @y16 : tensor<256x16xbf16>
  }

  // 16 chunks, 16 threads.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$128(
  // CHECK-SAME: ["nvvm.maxntid", "128"]
  // CHECK-COUNT-4: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK: llvm.return
  mixln.variable @x128 : tensor<256x128xf32> input
  mixln.variable @y128 : tensor<256x128xbf16> output
  mixln.entry @squares128 {
    %x = mixln.load @x128 : tensor<256x128xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x128xf32>) -> rows(tensor<256x128xbf16>) {
    ^bb0(%a: vector<128xf32>):
      %q = arith.mulf %a, %a : vector<128xf32>
      %s = vector.reduction <add>, %q : vector<128xf32> into f32
      %b = vector.broadcast %s : f32 to vector<128xf32>
      %r = arith.mulf %a, %b : vector<128xf32>
      mixln.yield rows(%r : vector<128xf32>)
    }
    mixln.store %y, @y128 : tensor<256x128xbf16>
  }

  // 64 chunks: a warp, two chunks each; four rows a block.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$512(
  // CHECK-SAME: ["nvvm.maxntid", "128"]
  // CHECK-COUNT-5: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK: llvm.return
  mixln.variable @x512 : tensor<256x512xf32> input
  mixln.variable @y512 : tensor<256x512xbf16> output
  mixln.entry @squares512 {
    %x = mixln.load @x512 : tensor<256x512xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x512xf32>) -> rows(tensor<256x512xbf16>) {
    ^bb0(%a: vector<512xf32>):
      %q = arith.mulf %a, %a : vector<512xf32>
      %s = vector.reduction <add>, %q : vector<512xf32> into f32
      %b = vector.broadcast %s : f32 to vector<512xf32>
      %r = arith.mulf %a, %b : vector<512xf32>
      mixln.yield rows(%r : vector<512xf32>)
    }
    mixln.store %y, @y512 : tensor<256x512xbf16>
  }

  // 128 chunks: two warps, two rows a block.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$1024(
  // CHECK-SAME: ["nvvm.maxntid", "128"]
  // CHECK-COUNT-5: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK-COUNT-1: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK: llvm.return
  mixln.variable @x1024 : tensor<256x1024xf32> input
  mixln.variable @y1024 : tensor<256x1024xbf16> output
  mixln.entry @squares1024 {
    %x = mixln.load @x1024 : tensor<256x1024xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x1024xf32>) -> rows(tensor<256x1024xbf16>) {
    ^bb0(%a: vector<1024xf32>):
      %q = arith.mulf %a, %a : vector<1024xf32>
      %s = vector.reduction <add>, %q : vector<1024xf32> into f32
      %b = vector.broadcast %s : f32 to vector<1024xf32>
      %r = arith.mulf %a, %b : vector<1024xf32>
      mixln.yield rows(%r : vector<1024xf32>)
    }
    mixln.store %y, @y1024 : tensor<256x1024xbf16>
  }

  // 512 chunks: a block of eight warps.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$4096(
  // CHECK-SAME: ["nvvm.maxntid", "256"]
  // CHECK-COUNT-5: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK-COUNT-3: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK: llvm.return
  mixln.variable @x4096 : tensor<256x4096xf32> input
  mixln.variable @y4096 : tensor<256x4096xbf16> output
  mixln.entry @squares4096 {
    %x = mixln.load @x4096 : tensor<256x4096xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x4096xf32>) -> rows(tensor<256x4096xbf16>) {
    ^bb0(%a: vector<4096xf32>):
      %q = arith.mulf %a, %a : vector<4096xf32>
      %s = vector.reduction <add>, %q : vector<4096xf32> into f32
      %b = vector.broadcast %s : f32 to vector<4096xf32>
      %r = arith.mulf %a, %b : vector<4096xf32>
      mixln.yield rows(%r : vector<4096xf32>)
    }
    mixln.store %y, @y4096 : tensor<256x4096xbf16>
  }

  // More: the largest block there is.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$16384(
  // CHECK-SAME: ["nvvm.maxntid", "1024"]
  // CHECK-COUNT-5: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK: llvm.call_intrinsic "llvm.nvvm.barrier.cta.sync.aligned.all"
  // CHECK-COUNT-5: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK-NOT: llvm.call_intrinsic "llvm.nvvm.shfl.sync.bfly.f32"
  // CHECK: llvm.return
  mixln.variable @x16384 : tensor<256x16384xf32> input
  mixln.variable @y16384 : tensor<256x16384xbf16> output
  mixln.entry @squares16384 {
    %x = mixln.load @x16384 : tensor<256x16384xf32>
    %y = mixln.rowwise [256] rows(%x : tensor<256x16384xf32>) -> rows(tensor<256x16384xbf16>) {
    ^bb0(%a: vector<16384xf32>):
      %q = arith.mulf %a, %a : vector<16384xf32>
      %s = vector.reduction <add>, %q : vector<16384xf32> into f32
      %b = vector.broadcast %s : f32 to vector<16384xf32>
      %r = arith.mulf %a, %b : vector<16384xf32>
      mixln.yield rows(%r : vector<16384xf32>)
    }
    mixln.store %y, @y16384 : tensor<256x16384xbf16>
  }
}
