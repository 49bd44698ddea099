// A row that fits into the registers of its team is read once, all of it before anything is computed; a longer one is
// read again by each stage, in a loop.
// RUN: mixlnc %s --compile_from plan --compile_to lower --target cuda -o - | FileCheck %s

module {
  // Two chunks a thread, two loads of 16 bytes each.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$512(
  // CHECK-COUNT-4: llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
  // CHECK-NOT: llvm.load
  // CHECK: llvm.fmul
  // CHECK: llvm.nvvm.shfl.sync.bfly.f32
  // CHECK-NOT: llvm.load
  // CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
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

  // 1024 threads, eight chunks each: a loop that adds up, and after the reduction one that multiplies.

  // CHECK-LABEL: llvm.func ptx_kernelcc @rows$program$65536(
  // CHECK: ^[[FIRST:bb[0-9]+]](%{{.*}}: i64, %{{.*}}: vector<8xf32>):
  // CHECK: llvm.load {{.*}} -> vector<4xf32>
  // CHECK: llvm.br ^[[FIRST]]
  // CHECK: llvm.nvvm.barrier.cta.sync.aligned.all
  // CHECK: ^[[SECOND:bb[0-9]+]](%{{.*}}: i64):
  // CHECK: llvm.load {{.*}} -> vector<4xf32>
  // CHECK: llvm.store {{.*}} : vector<8xbf16>
  // CHECK: llvm.br ^[[SECOND]]
  mixln.variable @x65536 : tensor<8x65536xf32> input
  mixln.variable @y65536 : tensor<8x65536xbf16> output
  mixln.entry @squares65536 {
    %x = mixln.load @x65536 : tensor<8x65536xf32>
    %y = mixln.rowwise [8] rows(%x : tensor<8x65536xf32>) -> rows(tensor<8x65536xbf16>) {
    ^bb0(%a: vector<65536xf32>):
      %q = arith.mulf %a, %a : vector<65536xf32>
      %s = vector.reduction <add>, %q : vector<65536xf32> into f32
      %b = vector.broadcast %s : f32 to vector<65536xf32>
      %r = arith.mulf %a, %b : vector<65536xf32>
      mixln.yield rows(%r : vector<65536xf32>)
    }
    mixln.store %y, @y65536 : tensor<8x65536xbf16>
  }
}
