// RUN: mixln-opt %s --mixln-types --split-input-file | FileCheck %s
// RUN: mixln-opt %s --mixln-types=streams=bf16 --split-input-file | FileCheck %s --check-prefix=NARROW
// RUN: mixln-opt %s --mixln-types --split-input-file --verify-each | mixln-opt --split-input-file | FileCheck %s

// Activations become bf16; what a row program hands on to another (the stream
// past the branch) stays f32 and, where a product reads it too, is stored
// twice; weights, their gradients and sums over rows stay f32. The option
// makes streams bf16 as well.
module attributes {mixln.dtype = "bf16"} {
  mixln.variable @x : tensor<8x16xf32> input
  mixln.variable @w : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @u : tensor<16x32xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @grad.w : tensor<32x16xf32> gradient of @w
  mixln.variable @sum : tensor<16xf32> output
  // CHECK-LABEL: mixln.entry @gradient
  // CHECK: %[[W:.*]] = mixln.load @w : tensor<32x16xf32>
  // CHECK: %[[S:.*]]:2 = mixln.rowwise [8] {{.*}} -> rows(tensor<8x16xf32>, tensor<8x16xbf16>) attributes {mixln.names = ["stream", ""], mixln.site = "read"}
  // CHECK: mixln.yield rows(%[[Y:.*]], %[[Y]] : vector<16xf32>, vector<16xf32>)
  // CHECK: %[[H:.*]] = mixln.matmul lhs(%[[S]]#1 : tensor<8x16xbf16>) rhs(%[[W]] : tensor<32x16xf32>) transpose_rhs -> tensor<8x32xbf16>
  // CHECK: %[[A:.*]] = mixln.rowwise [8] rows(%[[H]] : tensor<8x32xbf16>) -> rows(tensor<8x32xbf16>)
  // CHECK-NEXT: ^bb0(%{{.*}}: vector<32xf32>)
  // CHECK: %[[F:.*]] = mixln.matmul lhs(%[[A]] : tensor<8x32xbf16>) {{.*}} -> tensor<8x16xbf16>
  // CHECK: %[[OUT:.*]], %[[SUM:.*]] = mixln.rowwise [8] rows(%[[S]]#0, %[[F]] : tensor<8x16xf32>, tensor<8x16xbf16>) -> rows(tensor<8x16xbf16>) sums(tensor<16xf32>)
  // CHECK: %[[DW:.*]] = mixln.matmul lhs(%[[A]] : tensor<8x32xbf16>) rhs(%[[OUT]] : tensor<8x16xbf16>) transpose_lhs -> tensor<32x16xf32>
  // CHECK: mixln.store %[[DW]], @grad.w : tensor<32x16xf32>
  // NARROW-LABEL: mixln.entry @gradient
  // NARROW: %[[S:.*]] = mixln.rowwise [8] {{.*}} -> rows(tensor<8x16xbf16>) attributes {mixln.names = ["stream"]
  // NARROW: mixln.matmul lhs(%[[S]] : tensor<8x16xbf16>)
  // NARROW: mixln.rowwise [8] rows(%[[S]], %{{.*}} : tensor<8x16xbf16>, tensor<8x16xbf16>)
  mixln.entry @gradient {
    %x = mixln.load @x : tensor<8x16xf32>
    %w = mixln.load @w : tensor<32x16xf32>
    %u = mixln.load @u : tensor<16x32xf32>
    %s = mixln.rowwise [8] rows(%x : tensor<8x16xf32>) -> rows(tensor<8x16xf32>) attributes {mixln.names = ["stream"], mixln.site = "read"} {
    ^bb0(%a: vector<16xf32>):
      %0 = math.tanh %a : vector<16xf32>
      mixln.yield rows(%0 : vector<16xf32>)
    }
    %h = mixln.matmul lhs(%s : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>) transpose_rhs -> tensor<8x32xf32>
    %a = mixln.rowwise [8] rows(%h : tensor<8x32xf32>) -> rows(tensor<8x32xf32>) {
    ^bb0(%a: vector<32xf32>):
      %0 = math.tanh %a : vector<32xf32>
      mixln.yield rows(%0 : vector<32xf32>)
    }
    %f = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%u : tensor<16x32xf32>) transpose_rhs -> tensor<8x16xf32>
    %o, %t = mixln.rowwise [8] rows(%s, %f : tensor<8x16xf32>, tensor<8x16xf32>) -> rows(tensor<8x16xf32>) sums(tensor<16xf32>) {
    ^bb0(%a0: vector<16xf32>, %a1: vector<16xf32>):
      %0 = arith.addf %a0, %a1 : vector<16xf32>
      mixln.yield rows(%0 : vector<16xf32>) sums(%0 : vector<16xf32>)
    }
    %dw = mixln.matmul lhs(%a : tensor<8x32xf32>) rhs(%o : tensor<8x16xf32>) transpose_lhs -> tensor<32x16xf32>
    mixln.store %dw, @grad.w : tensor<32x16xf32>
    mixln.store %t, @sum : tensor<16xf32>
  }
}

// -----

// A stored value has its variable's type, a number a row and lse stay f32;
// slices and concatenations follow what they show.
module attributes {mixln.dtype = "bf16"} {
  mixln.variable @ids : tensor<8xi32> input
  mixln.variable @e : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "embed"}
  mixln.variable @cos : tensor<4x4xf32> constant init = #mixln.init<rope_cos 10000.0>
  mixln.variable @out : tensor<8x32xf32> output
  mixln.variable @norms : tensor<8xf32> output
  // CHECK-LABEL: mixln.entry @logits
  // CHECK: %[[X:.*]] = mixln.embedding {{.*}} -> tensor<8x16xbf16>
  // CHECK: %[[CTX:.*]], %{{.*}} = mixln.attention %[[X]], %[[X]], %[[X]]{{.*}} -> tensor<8x16xbf16>, tensor<8x2xf32>
  // CHECK: tensor.extract_slice %[[CTX]]{{.*}} : tensor<8x16xbf16> to tensor<4x16xbf16>
  // CHECK: %[[B:.*]] = tensor.extract_slice
  // CHECK: mixln.rowwise [4] rows(%[[B]] : tensor<4x16xbf16>) -> rows(tensor<4xf32>, tensor<4x16xbf16>)
  // CHECK: %[[C:.*]] = tensor.concat dim(0) {{.*}} -> tensor<8x16xbf16>
  // CHECK: mixln.matmul lhs(%[[C]] : tensor<8x16xbf16>) {{.*}} -> tensor<8x32xf32>
  mixln.entry @logits {
    %ids = mixln.load @ids : tensor<8xi32>
    %e = mixln.load @e : tensor<32x16xf32>
    %cos = mixln.load @cos : tensor<4x4xf32>
    %x = mixln.embedding %e, %ids : tensor<32x16xf32>, tensor<8xi32> -> tensor<8x16xf32>
    %ctx, %lse = mixln.attention %x, %x, %x, %cos, %cos {heads = 2 : i64} : tensor<8x16xf32>, tensor<8x16xf32>, tensor<8x16xf32>, tensor<4x4xf32>, tensor<4x4xf32> -> tensor<8x16xf32>, tensor<8x2xf32>
    %a = tensor.extract_slice %ctx[0, 0] [4, 16] [1, 1] : tensor<8x16xf32> to tensor<4x16xf32>
    %b = tensor.extract_slice %ctx[4, 0] [4, 16] [1, 1] : tensor<8x16xf32> to tensor<4x16xf32>
    %n0, %c0 = mixln.rowwise [4] rows(%a : tensor<4x16xf32>) -> rows(tensor<4xf32>, tensor<4x16xf32>) {
    ^bb0(%v: vector<16xf32>):
      %0 = vector.reduction <add>, %v : vector<16xf32> into f32
      mixln.yield rows(%0, %v : f32, vector<16xf32>)
    }
    %n1, %c1 = mixln.rowwise [4] rows(%b : tensor<4x16xf32>) -> rows(tensor<4xf32>, tensor<4x16xf32>) {
    ^bb0(%v: vector<16xf32>):
      %0 = vector.reduction <add>, %v : vector<16xf32> into f32
      mixln.yield rows(%0, %v : f32, vector<16xf32>)
    }
    %n = tensor.concat dim(0) %n0, %n1 : (tensor<4xf32>, tensor<4xf32>) -> tensor<8xf32>
    %c = tensor.concat dim(0) %c0, %c1 : (tensor<4x16xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
    mixln.store %n, @norms : tensor<8xf32>
    %l = mixln.matmul lhs(%c : tensor<8x16xf32>) rhs(%e : tensor<32x16xf32>) transpose_rhs -> tensor<8x32xf32>
    mixln.store %l, @out : tensor<8x32xf32>
  }
}

// -----

// A stream that the embedding makes and a product reads has a bf16 copy, made
// by a row program; a product that reads a slice of a stream, a slice of the
// copy.
module attributes {mixln.dtype = "bf16"} {
  mixln.variable @ids : tensor<8xi32> input
  mixln.variable @e : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "embed"}
  mixln.variable @w : tensor<16x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @sum : tensor<1xf32> output
  // CHECK-LABEL: mixln.entry @loss
  // CHECK: %[[X:.*]] = mixln.embedding {{.*}} -> tensor<8x16xf32>
  // CHECK: %[[COPY:.*]] = mixln.rowwise [8] rows(%[[X]] : tensor<8x16xf32>) -> rows(tensor<8x16xbf16>) attributes {mixln.site = "embedding.cast"}
  // CHECK: tensor.extract_slice %[[X]]
  // CHECK: %[[S:.*]] = tensor.extract_slice %[[COPY]]
  // CHECK: %[[F:.*]] = mixln.matmul lhs(%[[S]] : tensor<4x16xbf16>)
  // CHECK: mixln.rowwise [4] rows(%{{.*}}, %[[F]] : tensor<4x16xf32>, tensor<4x16xbf16>)
  mixln.entry @loss {
    %ids = mixln.load @ids : tensor<8xi32>
    %e = mixln.load @e : tensor<32x16xf32>
    %w = mixln.load @w : tensor<16x16xf32>
    %x = mixln.embedding %e, %ids {mixln.site = "embedding"} : tensor<32x16xf32>, tensor<8xi32> -> tensor<8x16xf32>
    %s = tensor.extract_slice %x[0, 0] [4, 16] [1, 1] : tensor<8x16xf32> to tensor<4x16xf32>
    %f = mixln.matmul lhs(%s : tensor<4x16xf32>) rhs(%w : tensor<16x16xf32>) transpose_rhs -> tensor<4x16xf32>
    %t = mixln.rowwise [4] rows(%s, %f : tensor<4x16xf32>, tensor<4x16xf32>) -> sums(tensor<1xf32>) {
    ^bb0(%a0: vector<16xf32>, %a1: vector<16xf32>):
      %0 = arith.mulf %a0, %a1 : vector<16xf32>
      %1 = vector.reduction <add>, %0 : vector<16xf32> into f32
      mixln.yield sums(%1 : f32)
    }
    mixln.store %t, @sum : tensor<1xf32>
  }
}

// -----

// A stream that an entry loads is f32 like its variable; a product reads a bf16
// copy of it.
module attributes {mixln.dtype = "bf16"} {
  mixln.variable @stream : tensor<8x16xf32> output
  mixln.variable @w : tensor<16x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  // CHECK-LABEL: mixln.entry @layer
  // CHECK: %[[X:.*]] = mixln.load @stream : tensor<8x16xf32>
  // CHECK: %[[COPY:.*]] = mixln.rowwise [8] rows(%[[X]] : tensor<8x16xf32>) -> rows(tensor<8x16xbf16>)
  // CHECK: %[[F:.*]] = mixln.matmul lhs(%[[COPY]] : tensor<8x16xbf16>) rhs(%{{.*}} : tensor<16x16xf32>) transpose_rhs -> tensor<8x16xbf16>
  // CHECK: %[[Y:.*]] = mixln.rowwise [8] rows(%[[X]], %[[F]] : tensor<8x16xf32>, tensor<8x16xbf16>) -> rows(tensor<8x16xf32>)
  // CHECK: mixln.store %[[Y]], @stream
  mixln.entry @layer {
    %x = mixln.load @stream : tensor<8x16xf32>
    %w = mixln.load @w : tensor<16x16xf32>
    %f = mixln.matmul lhs(%x : tensor<8x16xf32>) rhs(%w : tensor<16x16xf32>) transpose_rhs -> tensor<8x16xf32>
    %y = mixln.rowwise [8] rows(%x, %f : tensor<8x16xf32>, tensor<8x16xf32>) -> rows(tensor<8x16xf32>) {
    ^bb0(%a0: vector<16xf32>, %a1: vector<16xf32>):
      %0 = arith.addf %a0, %a1 : vector<16xf32>
      mixln.yield rows(%0 : vector<16xf32>)
    }
    mixln.store %y, @stream : tensor<8x16xf32>
  }
}

// -----

// bf16_pure narrows parameters, gradients and moments too, in entries without
// products as well; scalars and outputs stay f32. A gradient that is added to
// is added to in f32.
module attributes {mixln.dtype = "bf16_pure"} {
  mixln.variable @x : tensor<8x16xf32> input
  // CHECK: mixln.variable @w : tensor<32x16xbf16> parameter
  mixln.variable @w : tensor<32x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  // CHECK: mixln.variable @grad.w : tensor<32x16xbf16> gradient
  mixln.variable @grad.w : tensor<32x16xf32> gradient of @w
  // CHECK: mixln.variable @adam_m.w : tensor<32x16xbf16> moment
  mixln.variable @adam_m.w : tensor<32x16xf32> moment of @w
  mixln.variable @g : tensor<16xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
  mixln.variable @grad.g : tensor<16xf32> gradient of @g
  // CHECK: mixln.variable @lr : tensor<1xf32> scalar
  mixln.variable @lr : tensor<1xf32> scalar
  // CHECK-LABEL: mixln.entry @gradient_add
  // CHECK: mixln.rowwise [8] {{.*}} shared(%{{.*}} : tensor<16xbf16>) into(0: %{{.*}} : tensor<16xbf16>) -> rows(tensor<8x16xbf16>) sums(tensor<16xbf16>)
  // CHECK: %[[OLD:.*]] = mixln.load @grad.w : tensor<32x16xbf16>
  // CHECK: %[[WIDE:.*]] = mixln.rowwise [32] rows(%[[OLD]] : tensor<32x16xbf16>) -> rows(tensor<32x16xf32>)
  // CHECK: %[[DW:.*]] = mixln.matmul {{.*}} into(%[[WIDE]] : tensor<32x16xf32>) transpose_lhs -> tensor<32x16xf32>
  // CHECK: %[[NEW:.*]] = mixln.rowwise [32] rows(%[[DW]] : tensor<32x16xf32>) -> rows(tensor<32x16xbf16>)
  // CHECK: mixln.store %[[NEW]], @grad.w : tensor<32x16xbf16>
  mixln.entry @gradient_add {
    %x = mixln.load @x : tensor<8x16xf32>
    %w = mixln.load @w : tensor<32x16xf32>
    %g = mixln.load @g : tensor<16xf32>
    %t = mixln.load @grad.g : tensor<16xf32>
    %h, %s = mixln.rowwise [8] rows(%x : tensor<8x16xf32>) shared(%g : tensor<16xf32>) into(0: %t : tensor<16xf32>) -> rows(tensor<8x16xf32>) sums(tensor<16xf32>) {
    ^bb0(%a: vector<16xf32>, %b: vector<16xf32>):
      %0 = arith.mulf %a, %b : vector<16xf32>
      mixln.yield rows(%0 : vector<16xf32>) sums(%a : vector<16xf32>)
    }
    %y = mixln.matmul lhs(%h : tensor<8x16xf32>) rhs(%w : tensor<32x16xf32>) transpose_rhs -> tensor<8x32xf32>
    %old = mixln.load @grad.w : tensor<32x16xf32>
    %dw = mixln.matmul lhs(%y : tensor<8x32xf32>) rhs(%h : tensor<8x16xf32>) into(%old : tensor<32x16xf32>) transpose_lhs -> tensor<32x16xf32>
    mixln.store %dw, @grad.w : tensor<32x16xf32>
    mixln.store %s, @grad.g : tensor<16xf32>
  }
  // CHECK-LABEL: mixln.entry @update
  // CHECK: mixln.rowwise [32] rows(%{{.*}}, %{{.*}} : tensor<32x16xbf16>, tensor<32x16xbf16>) shared(%{{.*}} : tensor<1xf32>) -> rows(tensor<32x16xbf16>)
  mixln.entry @update {
    %w = mixln.load @w : tensor<32x16xf32>
    %m = mixln.load @adam_m.w : tensor<32x16xf32>
    %lr = mixln.load @lr : tensor<1xf32>
    %new = mixln.rowwise [32] rows(%w, %m : tensor<32x16xf32>, tensor<32x16xf32>) shared(%lr : tensor<1xf32>) -> rows(tensor<32x16xf32>) {
    ^bb0(%a: vector<16xf32>, %b: vector<16xf32>, %c: f32):
      %0 = vector.broadcast %c : f32 to vector<16xf32>
      %1 = arith.mulf %0, %b : vector<16xf32>
      %2 = arith.subf %a, %1 : vector<16xf32>
      mixln.yield rows(%2 : vector<16xf32>)
    }
    mixln.store %new, @w : tensor<32x16xf32>
  }
}

// -----

// Without the attribute, and with fp32, nothing changes.
// CHECK-LABEL: mixln.entry @plain
// CHECK: mixln.matmul {{.*}} -> tensor<8x16xf32>
// CHECK-NOT: bf16
module attributes {mixln.dtype = "fp32"} {
  mixln.variable @x : tensor<8x16xf32> input
  mixln.variable @w : tensor<16x16xf32> parameter init = #mixln.init<normal 0.02> {parameter_class = "ffn"}
  mixln.variable @s : tensor<1xf32> output
  mixln.entry @plain {
    %x = mixln.load @x : tensor<8x16xf32>
    %w = mixln.load @w : tensor<16x16xf32>
    %y = mixln.matmul lhs(%x : tensor<8x16xf32>) rhs(%w : tensor<16x16xf32>) -> tensor<8x16xf32>
    %t = mixln.rowwise [8] rows(%y : tensor<8x16xf32>) -> sums(tensor<1xf32>) {
    ^bb0(%a: vector<16xf32>):
      %0 = vector.reduction <add>, %a : vector<16xf32> into f32
      mixln.yield sums(%0 : f32)
    }
    mixln.store %t, @s : tensor<1xf32>
  }
}
