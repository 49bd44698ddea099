// RUN: mixln-opt %s --mixln-form-dispatches --verify-diagnostics --split-input-file

// Dispatches need a plan.
mixln.variable @x : tensor<8x32xf32> input
mixln.entry @unplanned {
  %x = mixln.load @x : tensor<8x32xf32>
  // expected-error @+1 {{has no offsets; plan its memory first}}
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}

// -----

// A dispatch that reads what nothing wrote is found.
module attributes {mixln.arena_bytes = 4096 : i64, mixln.shared_offset = 2048 : i64} {
mixln.variable @x : tensor<8x32xf32> input {offset = 0 : i64}
mixln.variable @y : tensor<8x32xf32> output {offset = 1024 : i64}
mixln.kernel @copy {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @unwritten {
  // expected-error @+1 {{read 0 at offset 2048 finds bytes that nothing wrote}}
  mixln.dispatch @copy domain [8] values [] reads [2048] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}
}

// -----

// A write over a part of another value spoils that value.
module attributes {mixln.arena_bytes = 4096 : i64, mixln.shared_offset = 1024 : i64} {
mixln.variable @x : tensor<8x32xf32> input {offset = 0 : i64}
mixln.kernel @copy {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @spoiled {
  mixln.dispatch @copy domain [8] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
  mixln.dispatch @copy domain [8] values [] reads [0] : [tensor<8x32xf32>] writes [1536] : [tensor<8x32xf32>]
  // expected-error @+1 {{read 0 at offset 1024 finds bytes that nothing wrote, or parts of several values}}
  mixln.dispatch @copy domain [8] values [] reads [1024] : [tensor<8x32xf32>] writes [3072] : [tensor<8x32xf32>]
}
}

// -----

// Nothing lies outside the arena.
module attributes {mixln.arena_bytes = 1536 : i64, mixln.shared_offset = 1024 : i64} {
mixln.variable @x : tensor<8x32xf32> input {offset = 0 : i64}
mixln.kernel @copy {
^bb0(%x: tensor<8x32xf32>):
  %0 = mixln.rowwise [8] rows(%x : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
  ^bb0(%p: vector<32xf32>):
    mixln.yield rows(%p : vector<32xf32>)
  }
}
mixln.entry @outside {
  // expected-error @+1 {{a write lies at bytes 1024 to 2048 of an arena of 1536}}
  mixln.dispatch @copy domain [8] values [] reads [0] : [tensor<8x32xf32>] writes [1024] : [tensor<8x32xf32>]
}
}

// -----

// Variables do not overlap.
module attributes {mixln.arena_bytes = 4096 : i64, mixln.shared_offset = 2048 : i64} {
mixln.variable @x : tensor<8x32xf32> input {offset = 0 : i64}
// expected-error @+1 {{overlaps variable @x}}
mixln.variable @y : tensor<8x32xf32> output {offset = 512 : i64}
}
