// RUN: mixln-opt %s --mixln-pack --mixln-keep-packs | FileCheck %s
// RUN: mixln-opt %s --mixln-pack --mixln-keep-packs -o %t.mlir
// RUN: mixln-run %t.mlir --entry gradient --entry update --entry gradient --random-inputs --compare %s | FileCheck %s --check-prefix=SAME

// What is packed of a parameter is a variable that `prepare` and `update`
// write; what is packed of anything else stays.
// SAME: worst {{.*}} 0, tolerance
// CHECK: mixln.variable @packed.w.transposed : tensor<32x16xbf16, #mixln.packed<transposed>> packed of @w
module attributes {mixln.dtype = "bf16"} {
  mixln.variable @x : tensor<8x16xf32> input
  mixln.variable @w : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @y : tensor<8x32xf32> output

  // CHECK: mixln.entry @prepare
  // CHECK: %[[W:.*]] = mixln.load @w
  // CHECK: %[[P:.*]] = mixln.pack %[[W]]
  // CHECK: mixln.store %[[P]], @packed.w.transposed
  mixln.entry @prepare {
  }

  // CHECK: mixln.entry @gradient
  // CHECK-NOT: mixln.load @w
  // CHECK: %[[K:.*]] = mixln.load @packed.w.transposed
  // CHECK: mixln.matmul lhs(%{{.*}}) rhs(%[[K]]
  mixln.entry @gradient {
    %x = mixln.load @x : tensor<8x16xf32>
    %h = mixln.rowwise [8] rows(%x : tensor<8x16xf32>) -> rows(tensor<8x16xbf16>) {
    ^bb0(%r: vector<16xf32>):
      mixln.yield rows(%r : vector<16xf32>)
    }
    %w = mixln.load @w : tensor<32x16xf32>
    %y = mixln.matmul lhs(%h : tensor<8x16xbf16>) rhs(%w : tensor<32x16xf32>) transpose_rhs -> tensor<8x32xf32>
    mixln.store %y, @y : tensor<8x32xf32>
  }

  // CHECK: mixln.entry @update
  // CHECK: %[[NEW:.*]] = mixln.rowwise
  // CHECK: %[[Q:.*]] = mixln.pack %[[NEW]]
  // CHECK: mixln.store %[[Q]], @packed.w.transposed
  mixln.entry @update {
    %w = mixln.load @w : tensor<32x16xf32>
    %new = mixln.rowwise [32] rows(%w : tensor<32x16xf32>) -> rows(tensor<32x16xf32>) {
    ^bb0(%r: vector<16xf32>):
      %s = arith.addf %r, %r : vector<16xf32>
      mixln.yield rows(%s : vector<16xf32>)
    }
    mixln.store %new, @w : tensor<32x16xf32>
  }
}
