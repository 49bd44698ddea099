// RUN: mixln-opt %s --mixln-plan-memory=verify=true | FileCheck %s

// A large output that another entry loads outlives the call that wrote it: it
// lies before the bytes that entries share.
// CHECK: mixln.shared_offset = 2097152
// CHECK: @stream : {{.*}} {offset = 0 : i64}
mixln.variable @stream : tensor<4096x128xf32> output

mixln.entry @begin {
  %x = mixln.load @stream : tensor<4096x128xf32>
  %y = mixln.rowwise [4096] rows(%x : tensor<4096x128xf32>) -> rows(tensor<4096x128xf32>) {
  ^bb0(%p: vector<128xf32>):
    %0 = arith.addf %p, %p : vector<128xf32>
    mixln.yield rows(%0 : vector<128xf32>)
  }
  mixln.store %y, @stream : tensor<4096x128xf32>
}
