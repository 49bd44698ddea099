// Joining, merging, chunks of three rows and packs change no number: every
// variable after every entry is that of the plain derivative, on random inputs.
// RUN: mixln-opt %s --mixln-differentiate -o %t.plain
// RUN: mixln-opt %s --mixln-merge -o %t.merged
// RUN: mixln-opt %t.merged --mixln-differentiate --mixln-fuse=verify-paths=true -o %t.fused
// RUN: mixln-opt %t.fused --mixln-chunk="rows=3 threshold=2000" -o %t.chunked
// RUN: mixln-opt %t.chunked --mixln-pack -o %t.packed
// RUN: mixln-run %s --compare %t.merged --entry loss --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.plain --compare %t.fused --entry loss --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.plain --compare %t.fused --entry gradient --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.plain --compare %t.fused --entry gradient_add --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.plain --compare %t.fused --entry update --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.fused --compare %t.chunked --entry gradient --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.fused --compare %t.chunked --entry gradient_add --random-inputs --tolerance 1e-10
// RUN: mixln-run %t.plain --compare %t.packed --entry gradient --random-inputs --tolerance 1e-10
// RUN: FileCheck %s < %t.chunked

// A read of the stream and the embedding, a residual, a norm in either place:
// one layer of each kind of edge between row programs.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK-COUNT-2: mixln.rowwise [3]
// CHECK: mixln.rowwise [2]
// CHECK: mixln.entry
module attributes {mixln.config = {num_hidden_layers = 2 : i64}} {
mixln.variable @input_ids : tensor<8xi32> input 
mixln.variable @targets : tensor<8xi32> input 
mixln.variable @token_order : tensor<8xi32> input 
mixln.variable @segment_starts : tensor<9xi32> input 
mixln.variable @loss_scale : tensor<1xf32> scalar 
mixln.variable @loss_sum : tensor<1xf32> output 
mixln.variable @rope_cos : tensor<4x8xf32> constant init = #mixln.init<rope_cos 10000.0>
mixln.variable @rope_sin : tensor<4x8xf32> constant init = #mixln.init<rope_sin 10000.0>
mixln.variable @model.embed_tokens.weight : tensor<64x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "embed"}
mixln.variable @model.layers.0.attention_e : tensor<1xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "scale"}
mixln.variable @model.layers.0.attention_in.weight : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @model.layers.0.q : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "qk"}
mixln.variable @model.layers.0.k : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "qk"}
mixln.variable @model.layers.0.v : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "v"}
mixln.variable @model.layers.0.o : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "o"}
mixln.variable @model.layers.0.mlp_e : tensor<1xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "scale"}
mixln.variable @model.layers.0.mlp_in.weight : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @model.layers.0.gate : tensor<48x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "ffn"}
mixln.variable @model.layers.0.up : tensor<48x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "ffn"}
mixln.variable @model.layers.0.down : tensor<32x48xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "ffn"}
mixln.variable @model.layers.1.attention_e : tensor<1xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "scale"}
mixln.variable @model.layers.1.attention_in.weight : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @model.layers.1.q : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "qk"}
mixln.variable @model.layers.1.k : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "qk"}
mixln.variable @model.layers.1.v : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "v"}
mixln.variable @model.layers.1.o : tensor<32x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "o"}
mixln.variable @model.layers.1.mlp_e : tensor<1xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "scale"}
mixln.variable @model.layers.1.mlp_in.weight : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @model.layers.1.gate : tensor<48x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "ffn"}
mixln.variable @model.layers.1.up : tensor<48x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "ffn"}
mixln.variable @model.layers.1.down : tensor<32x48xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "ffn"}
mixln.variable @model.norm.weight : tensor<32xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @lm_head.weight : tensor<64x32xf32> parameter init = #mixln.init<normal 0.05> {parameter_class = "head"}
mixln.variable @rms0 : tensor<1xf32> output 
mixln.variable @rms1 : tensor<1xf32> output 
mixln.entry @loss {
  %v1 = mixln.load @input_ids : tensor<8xi32>
  %v2 = mixln.load @model.embed_tokens.weight : tensor<64x32xf32>
  %v3 = mixln.embedding %v2, %v1 {mixln.site = "embed"} : tensor<64x32xf32>, tensor<8xi32> -> tensor<8x32xf32>
  %v4 = mixln.load @model.layers.0.attention_e : tensor<1xf32>
  %v5 = mixln.load @model.layers.0.attention_in.weight : tensor<32xf32>
  %v6 = mixln.rowwise [8] rows(%v3 : tensor<8x32xf32>) shared(%v4, %v5 : tensor<1xf32>, tensor<32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.0.attention.read", mixln.layer = 0 : i64} {
  ^bb0(%i0: vector<32xf32>, %s0: f32, %s1: vector<32xf32>):
    %t1 = vector.broadcast %s0 : f32 to vector<32xf32>
    %t2 = arith.mulf %i0, %t1 : vector<32xf32>
    %t3 = arith.addf %i0, %t2 : vector<32xf32>
    %t4 = arith.mulf %t3, %t3 : vector<32xf32>
    %t5 = vector.reduction <add>, %t4 : vector<32xf32> into f32
    %t6 = arith.constant 3.200000e+01 : f32
    %t7 = arith.divf %t5, %t6 : f32
    %t8 = arith.constant 1.000000e-06 : f32
    %t9 = arith.addf %t7, %t8 : f32
    %t10 = math.rsqrt %t9 : f32
    %t11 = vector.broadcast %t10 : f32 to vector<32xf32>
    %t12 = arith.mulf %t3, %t11 : vector<32xf32>
    %t13 = arith.mulf %t12, %s1 : vector<32xf32>
    mixln.yield rows(%t13 : vector<32xf32>)
  }
  %v7 = mixln.load @model.layers.0.q : tensor<32x32xf32>
  %v8 = mixln.matmul lhs(%v6 : tensor<8x32xf32>) rhs(%v7 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.0.attention.q_proj", mixln.layer = 0 : i64} -> tensor<8x32xf32>
  %v9 = mixln.load @model.layers.0.k : tensor<32x32xf32>
  %v10 = mixln.matmul lhs(%v6 : tensor<8x32xf32>) rhs(%v9 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.0.attention.k_proj", mixln.layer = 0 : i64} -> tensor<8x32xf32>
  %v11 = mixln.load @model.layers.0.v : tensor<32x32xf32>
  %v12 = mixln.matmul lhs(%v6 : tensor<8x32xf32>) rhs(%v11 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.0.attention.v_proj", mixln.layer = 0 : i64} -> tensor<8x32xf32>
  %v13 = mixln.load @rope_cos : tensor<4x8xf32>
  %v14 = mixln.load @rope_sin : tensor<4x8xf32>
  %v15, %v16 = mixln.attention %v8, %v10, %v12, %v13, %v14 {heads = 2 : i64, mixln.site = "layers.0.attention.attn", mixln.layer = 0 : i64} : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
  %v17 = mixln.load @model.layers.0.o : tensor<32x32xf32>
  %v18 = mixln.matmul lhs(%v15 : tensor<8x32xf32>) rhs(%v17 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.0.attention.o_proj", mixln.layer = 0 : i64} -> tensor<8x32xf32>
  %v19 = mixln.rowwise [8] rows(%v3, %v18 : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.0.attention.combine", mixln.layer = 0 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>):
    %t1 = arith.addf %i0, %i1 : vector<32xf32>
    mixln.yield rows(%t1 : vector<32xf32>)
  }
  %v20 = mixln.load @model.layers.0.mlp_e : tensor<1xf32>
  %v21 = mixln.load @model.layers.0.mlp_in.weight : tensor<32xf32>
  %v22 = mixln.rowwise [8] rows(%v19, %v3 : tensor<8x32xf32>, tensor<8x32xf32>) shared(%v20, %v21 : tensor<1xf32>, tensor<32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.0.mlp.read", mixln.layer = 0 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>, %s0: f32, %s1: vector<32xf32>):
    %t1 = vector.broadcast %s0 : f32 to vector<32xf32>
    %t2 = arith.mulf %i1, %t1 : vector<32xf32>
    %t3 = arith.addf %i0, %t2 : vector<32xf32>
    %t4 = arith.mulf %t3, %t3 : vector<32xf32>
    %t5 = vector.reduction <add>, %t4 : vector<32xf32> into f32
    %t6 = arith.constant 3.200000e+01 : f32
    %t7 = arith.divf %t5, %t6 : f32
    %t8 = arith.constant 1.000000e-06 : f32
    %t9 = arith.addf %t7, %t8 : f32
    %t10 = math.rsqrt %t9 : f32
    %t11 = vector.broadcast %t10 : f32 to vector<32xf32>
    %t12 = arith.mulf %t3, %t11 : vector<32xf32>
    %t13 = arith.mulf %t12, %s1 : vector<32xf32>
    mixln.yield rows(%t13 : vector<32xf32>)
  }
  %v23 = mixln.load @model.layers.0.gate : tensor<48x32xf32>
  %v24 = mixln.matmul lhs(%v22 : tensor<8x32xf32>) rhs(%v23 : tensor<48x32xf32>) transpose_rhs {mixln.site = "layers.0.mlp.gate", mixln.layer = 0 : i64} -> tensor<8x48xf32>
  %v25 = mixln.load @model.layers.0.up : tensor<48x32xf32>
  %v26 = mixln.matmul lhs(%v22 : tensor<8x32xf32>) rhs(%v25 : tensor<48x32xf32>) transpose_rhs {mixln.site = "layers.0.mlp.up", mixln.layer = 0 : i64} -> tensor<8x48xf32>
  %v27 = mixln.rowwise [8] rows(%v24, %v26 : tensor<8x48xf32>, tensor<8x48xf32>) -> rows(tensor<8x48xf32>) attributes {mixln.site = "layers.0.mlp.swiglu", mixln.layer = 0 : i64} {
  ^bb0(%i0: vector<48xf32>, %i1: vector<48xf32>):
    %t1 = arith.negf %i0 : vector<48xf32>
    %t2 = math.exp %t1 : vector<48xf32>
    %t3 = arith.constant 1.000000e+00 : f32
    %t4 = vector.broadcast %t3 : f32 to vector<48xf32>
    %t5 = arith.addf %t4, %t2 : vector<48xf32>
    %t6 = arith.divf %i0, %t5 : vector<48xf32>
    %t7 = arith.mulf %t6, %i1 : vector<48xf32>
    mixln.yield rows(%t7 : vector<48xf32>)
  }
  %v28 = mixln.load @model.layers.0.down : tensor<32x48xf32>
  %v29 = mixln.matmul lhs(%v27 : tensor<8x48xf32>) rhs(%v28 : tensor<32x48xf32>) transpose_rhs {mixln.site = "layers.0.mlp.down", mixln.layer = 0 : i64} -> tensor<8x32xf32>
  %v30 = mixln.rowwise [8] rows(%v19, %v29 : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.0.mlp.combine", mixln.layer = 0 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>):
    %t1 = arith.addf %i0, %i1 : vector<32xf32>
    mixln.yield rows(%t1 : vector<32xf32>)
  }
  %v31 = mixln.rowwise [8] rows(%v30 : tensor<8x32xf32>) -> sums(tensor<1xf32>) attributes {mixln.site = "layers.0.rms", mixln.layer = 0 : i64} {
  ^bb0(%i0: vector<32xf32>):
    %t1 = arith.mulf %i0, %i0 : vector<32xf32>
    %t2 = vector.reduction <add>, %t1 : vector<32xf32> into f32
    mixln.yield sums(%t2 : f32)
  }
  %v32 = mixln.load @model.layers.1.attention_e : tensor<1xf32>
  %v33 = mixln.load @model.layers.1.attention_in.weight : tensor<32xf32>
  %v34 = mixln.rowwise [8] rows(%v30, %v3 : tensor<8x32xf32>, tensor<8x32xf32>) shared(%v32, %v33 : tensor<1xf32>, tensor<32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.1.attention.read", mixln.layer = 1 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>, %s0: f32, %s1: vector<32xf32>):
    %t1 = vector.broadcast %s0 : f32 to vector<32xf32>
    %t2 = arith.mulf %i1, %t1 : vector<32xf32>
    %t3 = arith.addf %i0, %t2 : vector<32xf32>
    %t4 = arith.mulf %t3, %t3 : vector<32xf32>
    %t5 = vector.reduction <add>, %t4 : vector<32xf32> into f32
    %t6 = arith.constant 3.200000e+01 : f32
    %t7 = arith.divf %t5, %t6 : f32
    %t8 = arith.constant 1.000000e-06 : f32
    %t9 = arith.addf %t7, %t8 : f32
    %t10 = math.rsqrt %t9 : f32
    %t11 = vector.broadcast %t10 : f32 to vector<32xf32>
    %t12 = arith.mulf %t3, %t11 : vector<32xf32>
    %t13 = arith.mulf %t12, %s1 : vector<32xf32>
    mixln.yield rows(%t13 : vector<32xf32>)
  }
  %v35 = mixln.load @model.layers.1.q : tensor<32x32xf32>
  %v36 = mixln.matmul lhs(%v34 : tensor<8x32xf32>) rhs(%v35 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.1.attention.q_proj", mixln.layer = 1 : i64} -> tensor<8x32xf32>
  %v37 = mixln.load @model.layers.1.k : tensor<32x32xf32>
  %v38 = mixln.matmul lhs(%v34 : tensor<8x32xf32>) rhs(%v37 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.1.attention.k_proj", mixln.layer = 1 : i64} -> tensor<8x32xf32>
  %v39 = mixln.load @model.layers.1.v : tensor<32x32xf32>
  %v40 = mixln.matmul lhs(%v34 : tensor<8x32xf32>) rhs(%v39 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.1.attention.v_proj", mixln.layer = 1 : i64} -> tensor<8x32xf32>
  %v41 = mixln.load @rope_cos : tensor<4x8xf32>
  %v42 = mixln.load @rope_sin : tensor<4x8xf32>
  %v43, %v44 = mixln.attention %v36, %v38, %v40, %v41, %v42 {heads = 2 : i64, mixln.site = "layers.1.attention.attn", mixln.layer = 1 : i64} : tensor<8x32xf32>, tensor<8x32xf32>, tensor<8x32xf32>, tensor<4x8xf32>, tensor<4x8xf32> -> tensor<8x32xf32>, tensor<8x2xf32>
  %v45 = mixln.load @model.layers.1.o : tensor<32x32xf32>
  %v46 = mixln.matmul lhs(%v43 : tensor<8x32xf32>) rhs(%v45 : tensor<32x32xf32>) transpose_rhs {mixln.site = "layers.1.attention.o_proj", mixln.layer = 1 : i64} -> tensor<8x32xf32>
  %v47 = mixln.rowwise [8] rows(%v30, %v46 : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.1.attention.combine", mixln.layer = 1 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>):
    %t1 = arith.addf %i0, %i1 : vector<32xf32>
    mixln.yield rows(%t1 : vector<32xf32>)
  }
  %v48 = mixln.load @model.layers.1.mlp_e : tensor<1xf32>
  %v49 = mixln.load @model.layers.1.mlp_in.weight : tensor<32xf32>
  %v50 = mixln.rowwise [8] rows(%v47, %v3 : tensor<8x32xf32>, tensor<8x32xf32>) shared(%v48, %v49 : tensor<1xf32>, tensor<32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.1.mlp.read", mixln.layer = 1 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>, %s0: f32, %s1: vector<32xf32>):
    %t1 = vector.broadcast %s0 : f32 to vector<32xf32>
    %t2 = arith.mulf %i1, %t1 : vector<32xf32>
    %t3 = arith.addf %i0, %t2 : vector<32xf32>
    %t4 = arith.mulf %t3, %t3 : vector<32xf32>
    %t5 = vector.reduction <add>, %t4 : vector<32xf32> into f32
    %t6 = arith.constant 3.200000e+01 : f32
    %t7 = arith.divf %t5, %t6 : f32
    %t8 = arith.constant 1.000000e-06 : f32
    %t9 = arith.addf %t7, %t8 : f32
    %t10 = math.rsqrt %t9 : f32
    %t11 = vector.broadcast %t10 : f32 to vector<32xf32>
    %t12 = arith.mulf %t3, %t11 : vector<32xf32>
    %t13 = arith.mulf %t12, %s1 : vector<32xf32>
    mixln.yield rows(%t13 : vector<32xf32>)
  }
  %v51 = mixln.load @model.layers.1.gate : tensor<48x32xf32>
  %v52 = mixln.matmul lhs(%v50 : tensor<8x32xf32>) rhs(%v51 : tensor<48x32xf32>) transpose_rhs {mixln.site = "layers.1.mlp.gate", mixln.layer = 1 : i64} -> tensor<8x48xf32>
  %v53 = mixln.load @model.layers.1.up : tensor<48x32xf32>
  %v54 = mixln.matmul lhs(%v50 : tensor<8x32xf32>) rhs(%v53 : tensor<48x32xf32>) transpose_rhs {mixln.site = "layers.1.mlp.up", mixln.layer = 1 : i64} -> tensor<8x48xf32>
  %v55 = mixln.rowwise [8] rows(%v52, %v54 : tensor<8x48xf32>, tensor<8x48xf32>) -> rows(tensor<8x48xf32>) attributes {mixln.site = "layers.1.mlp.swiglu", mixln.layer = 1 : i64} {
  ^bb0(%i0: vector<48xf32>, %i1: vector<48xf32>):
    %t1 = arith.negf %i0 : vector<48xf32>
    %t2 = math.exp %t1 : vector<48xf32>
    %t3 = arith.constant 1.000000e+00 : f32
    %t4 = vector.broadcast %t3 : f32 to vector<48xf32>
    %t5 = arith.addf %t4, %t2 : vector<48xf32>
    %t6 = arith.divf %i0, %t5 : vector<48xf32>
    %t7 = arith.mulf %t6, %i1 : vector<48xf32>
    mixln.yield rows(%t7 : vector<48xf32>)
  }
  %v56 = mixln.load @model.layers.1.down : tensor<32x48xf32>
  %v57 = mixln.matmul lhs(%v55 : tensor<8x48xf32>) rhs(%v56 : tensor<32x48xf32>) transpose_rhs {mixln.site = "layers.1.mlp.down", mixln.layer = 1 : i64} -> tensor<8x32xf32>
  %v58 = mixln.rowwise [8] rows(%v47, %v57 : tensor<8x32xf32>, tensor<8x32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "layers.1.mlp.combine", mixln.layer = 1 : i64} {
  ^bb0(%i0: vector<32xf32>, %i1: vector<32xf32>):
    %t1 = arith.addf %i0, %i1 : vector<32xf32>
    mixln.yield rows(%t1 : vector<32xf32>)
  }
  %v59 = mixln.rowwise [8] rows(%v58 : tensor<8x32xf32>) -> sums(tensor<1xf32>) attributes {mixln.site = "layers.1.rms", mixln.layer = 1 : i64} {
  ^bb0(%i0: vector<32xf32>):
    %t1 = arith.mulf %i0, %i0 : vector<32xf32>
    %t2 = vector.reduction <add>, %t1 : vector<32xf32> into f32
    mixln.yield sums(%t2 : f32)
  }
  %v60 = mixln.load @model.norm.weight : tensor<32xf32>
  %v61 = mixln.rowwise [8] rows(%v58 : tensor<8x32xf32>) shared(%v60 : tensor<32xf32>) -> rows(tensor<8x32xf32>) attributes {mixln.site = "readout"} {
  ^bb0(%i0: vector<32xf32>, %s0: vector<32xf32>):
    %t1 = arith.mulf %i0, %i0 : vector<32xf32>
    %t2 = vector.reduction <add>, %t1 : vector<32xf32> into f32
    %t3 = arith.constant 3.200000e+01 : f32
    %t4 = arith.divf %t2, %t3 : f32
    %t5 = arith.constant 1.000000e-06 : f32
    %t6 = arith.addf %t4, %t5 : f32
    %t7 = math.rsqrt %t6 : f32
    %t8 = vector.broadcast %t7 : f32 to vector<32xf32>
    %t9 = arith.mulf %i0, %t8 : vector<32xf32>
    %t10 = arith.mulf %t9, %s0 : vector<32xf32>
    mixln.yield rows(%t10 : vector<32xf32>)
  }
  %v62 = mixln.load @lm_head.weight : tensor<64x32xf32>
  %v63 = mixln.matmul lhs(%v61 : tensor<8x32xf32>) rhs(%v62 : tensor<64x32xf32>) transpose_rhs {mixln.site = "head"} -> tensor<8x64xf32>
  %v64 = mixln.load @targets : tensor<8xi32>
  %v65 = mixln.rowwise [8] rows(%v63, %v64 : tensor<8x64xf32>, tensor<8xi32>) -> sums(tensor<1xf32>) attributes {mixln.site = "loss"} {
  ^bb0(%x: vector<64xf32>, %t: i32):
    %idx = arith.index_cast %t : i32 to index
    %st = vector.step : vector<64xindex>
    %ib = vector.broadcast %idx : index to vector<64xindex>
    %oh = arith.cmpi eq, %st, %ib : vector<64xindex>
    %m0 = vector.reduction <maximumf>, %x : vector<64xf32> into f32
    %m = mixln.stop_gradient %m0 : f32
    %mb = vector.broadcast %m : f32 to vector<64xf32>
    %c = arith.subf %x, %mb : vector<64xf32>
    %e = math.exp %c : vector<64xf32>
    %s = vector.reduction <add>, %e : vector<64xf32> into f32
    %l = math.log %s : f32
    %lm = arith.addf %l, %m : f32
    %z = arith.constant dense<0.0> : vector<64xf32>
    %p = arith.select %oh, %x, %z : vector<64xi1>, vector<64xf32>
    %ps = vector.reduction <add>, %p : vector<64xf32> into f32
    %ls = arith.subf %lm, %ps : f32
    %zi = arith.constant 0 : i32
    %valid = arith.cmpi sge, %t, %zi : i32
    %zf = arith.constant 0.0 : f32
    %out = arith.select %valid, %ls, %zf : f32
    mixln.yield sums(%out : f32)
  }
  mixln.store %v65, @loss_sum : tensor<1xf32>
  mixln.store %v31, @rms0 : tensor<1xf32>
  mixln.store %v59, @rms1 : tensor<1xf32>
}
}

