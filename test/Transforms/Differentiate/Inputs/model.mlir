// A transformer of one layer at toy sizes, as `expand` makes it: batch 2,
// sequence length 4, width 8, 2 query heads on 1 key/value head of 4, MLP 12,
// vocabulary 10. Sandwich norms, a norm per head on q, a learned head scale.

module attributes {mixln.norm = "by hand"} {
mixln.variable @model.embed_tokens.weight : tensor<10x8xf32> parameter init = #mixln.init<normal 0.5> {parameter_class = "embed"}
mixln.variable @model.layers.0.input_layernorm.weight : tensor<8xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain", decay = false}
mixln.variable @model.layers.0.self_attn.q_proj.weight : tensor<8x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "qk"}
mixln.variable @model.layers.0.self_attn.k_proj.weight : tensor<4x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "qk"}
mixln.variable @model.layers.0.self_attn.v_proj.weight : tensor<4x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "v"}
mixln.variable @model.layers.0.self_attn.q_norm.weight : tensor<4xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @model.layers.0.self_attn.head_scale : tensor<2xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "scale", lr_mult = 5.0e-01}
mixln.variable @model.layers.0.self_attn.o_proj.weight : tensor<8x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "o"}
mixln.variable @model.layers.0.mlp_residual_scale : tensor<1xf32> parameter init = #mixln.init<constant 0.5> {parameter_class = "scale"}
mixln.variable @model.layers.0.mlp.gate_proj.weight : tensor<12x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "ffn"}
mixln.variable @model.layers.0.mlp.up_proj.weight : tensor<12x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "ffn"}
mixln.variable @model.layers.0.mlp.down_proj.weight : tensor<8x12xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "ffn"}
mixln.variable @model.norm.weight : tensor<8xf32> parameter init = #mixln.init<constant 1.0> {parameter_class = "gain"}
mixln.variable @lm_head.weight : tensor<10x8xf32> parameter init = #mixln.init<normal 0.3> {parameter_class = "head"}
mixln.variable @input_ids : tensor<8xi32> input
mixln.variable @targets : tensor<8xi32> input
mixln.variable @token_order : tensor<8xi32> input
mixln.variable @segment_starts : tensor<9xi32> input
mixln.variable @loss_scale : tensor<1xf32> scalar
mixln.variable @rope_cos : tensor<4x2xf32> constant init = #mixln.init<rope_cos 10000.0>
mixln.variable @rope_sin : tensor<4x2xf32> constant init = #mixln.init<rope_sin 10000.0>
mixln.variable @loss_sum : tensor<1xf32> output
mixln.variable @stream_rms : tensor<1xf32> output

mixln.entry @loss {
  %ids = mixln.load @input_ids : tensor<8xi32>
  %table = mixln.load @model.embed_tokens.weight : tensor<10x8xf32>
  %x = mixln.embedding %table, %ids {mixln.site = "embed"} : tensor<10x8xf32>, tensor<8xi32> -> tensor<8x8xf32>
  %g1 = mixln.load @model.layers.0.input_layernorm.weight : tensor<8xf32>
  %h = mixln.rowwise [8] rows(%x : tensor<8x8xf32>) shared(%g1 : tensor<8xf32>) -> rows(tensor<8x8xf32>) attributes {mixln.site = "layers.0.attention.read", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<8xf32>, %g: vector<8xf32>):
    %0 = arith.mulf %a, %a : vector<8xf32>
    %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
    %n = arith.constant 0.125 : f32
    %e = arith.constant 1.0e-6 : f32
    %2 = arith.mulf %1, %n : f32
    %3 = arith.addf %2, %e : f32
    %4 = math.rsqrt %3 : f32
    %5 = vector.broadcast %4 : f32 to vector<8xf32>
    %6 = arith.mulf %a, %5 : vector<8xf32>
    %7 = arith.mulf %6, %g : vector<8xf32>
    mixln.yield rows(%7 : vector<8xf32>)
  }
  %wq = mixln.load @model.layers.0.self_attn.q_proj.weight : tensor<8x8xf32>
  %wk = mixln.load @model.layers.0.self_attn.k_proj.weight : tensor<4x8xf32>
  %wv = mixln.load @model.layers.0.self_attn.v_proj.weight : tensor<4x8xf32>
  %q0, %k, %v = mixln.matmul lhs(%h : tensor<8x8xf32>) rhs(%wq, %wk, %wv : tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) transpose_rhs {mixln.site = "layers.0.attention.qkv", mixln.layer = 0 : i64} -> tensor<8x8xf32>, tensor<8x4xf32>, tensor<8x4xf32>
  %qh = tensor.expand_shape %q0 [[0], [1, 2]] output_shape [8, 2, 4] : tensor<8x8xf32> into tensor<8x2x4xf32>
  %gq = mixln.load @model.layers.0.self_attn.q_norm.weight : tensor<4xf32>
  %qn = mixln.rowwise [8, 2] rows(%qh : tensor<8x2x4xf32>) shared(%gq : tensor<4xf32>) -> rows(tensor<8x2x4xf32>) attributes {mixln.site = "layers.0.attention.q_norm", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<4xf32>, %g: vector<4xf32>):
    %0 = arith.mulf %a, %a : vector<4xf32>
    %1 = vector.reduction <add>, %0 : vector<4xf32> into f32
    %2 = math.sqrt %1 : f32
    %3 = vector.broadcast %2 : f32 to vector<4xf32>
    %4 = arith.divf %a, %3 : vector<4xf32>
    %5 = arith.mulf %4, %g : vector<4xf32>
    mixln.yield rows(%5 : vector<4xf32>)
  }
  %q = tensor.collapse_shape %qn [[0], [1, 2]] : tensor<8x2x4xf32> into tensor<8x8xf32>
  %cos = mixln.load @rope_cos : tensor<4x2xf32>
  %sin = mixln.load @rope_sin : tensor<4x2xf32>
  %ctx, %lse = mixln.attention %q, %k, %v, %cos, %sin {heads = 2 : i64, mixln.site = "layers.0.attention", mixln.layer = 0 : i64} : tensor<8x8xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x2xf32>, tensor<4x2xf32> -> tensor<8x8xf32>, tensor<8x2xf32>
  %ctxh = tensor.expand_shape %ctx [[0], [1, 2]] output_shape [8, 2, 4] : tensor<8x8xf32> into tensor<8x2x4xf32>
  %hs = mixln.load @model.layers.0.self_attn.head_scale : tensor<2xf32>
  %scaledh = mixln.rowwise [8, 2] rows(%ctxh, %hs : tensor<8x2x4xf32>, tensor<2xf32> by (d0, d1) -> (d1)) -> rows(tensor<8x2x4xf32>) attributes {mixln.site = "layers.0.attention.head_scale", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<4xf32>, %s: f32):
    %0 = vector.broadcast %s : f32 to vector<4xf32>
    %1 = arith.mulf %a, %0 : vector<4xf32>
    mixln.yield rows(%1 : vector<4xf32>)
  }
  %scaled = tensor.collapse_shape %scaledh [[0], [1, 2]] : tensor<8x2x4xf32> into tensor<8x8xf32>
  %wo = mixln.load @model.layers.0.self_attn.o_proj.weight : tensor<8x8xf32>
  %f = mixln.matmul lhs(%scaled : tensor<8x8xf32>) rhs(%wo : tensor<8x8xf32>) transpose_rhs {mixln.site = "layers.0.attention.o_proj", mixln.layer = 0 : i64} -> tensor<8x8xf32>
  %x1 = mixln.rowwise [8] rows(%x, %f : tensor<8x8xf32>, tensor<8x8xf32>) -> rows(tensor<8x8xf32>) attributes {mixln.site = "layers.0.attention.combine", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<8xf32>, %b: vector<8xf32>):
    %0 = arith.addf %a, %b : vector<8xf32>
    mixln.yield rows(%0 : vector<8xf32>)
  }
  %wg = mixln.load @model.layers.0.mlp.gate_proj.weight : tensor<12x8xf32>
  %wu = mixln.load @model.layers.0.mlp.up_proj.weight : tensor<12x8xf32>
  %gate = mixln.matmul lhs(%x1 : tensor<8x8xf32>) rhs(%wg : tensor<12x8xf32>) transpose_rhs {mixln.site = "layers.0.mlp.gate_proj", mixln.layer = 0 : i64} -> tensor<8x12xf32>
  %up = mixln.matmul lhs(%x1 : tensor<8x8xf32>) rhs(%wu : tensor<12x8xf32>) transpose_rhs {mixln.site = "layers.0.mlp.up_proj", mixln.layer = 0 : i64} -> tensor<8x12xf32>
  %act = mixln.rowwise [8] rows(%gate, %up : tensor<8x12xf32>, tensor<8x12xf32>) -> rows(tensor<8x12xf32>) attributes {mixln.site = "layers.0.mlp.swiglu", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<12xf32>, %b: vector<12xf32>):
    %one = arith.constant dense<1.0> : vector<12xf32>
    %0 = arith.negf %a : vector<12xf32>
    %1 = math.exp %0 : vector<12xf32>
    %2 = arith.addf %one, %1 : vector<12xf32>
    %3 = arith.divf %one, %2 : vector<12xf32>
    %4 = arith.mulf %a, %3 : vector<12xf32>
    %5 = arith.mulf %4, %b : vector<12xf32>
    mixln.yield rows(%5 : vector<12xf32>)
  }
  %wd = mixln.load @model.layers.0.mlp.down_proj.weight : tensor<8x12xf32>
  %m = mixln.matmul lhs(%act : tensor<8x12xf32>) rhs(%wd : tensor<8x12xf32>) transpose_rhs {mixln.site = "layers.0.mlp.down_proj", mixln.layer = 0 : i64} -> tensor<8x8xf32>
  %alpha = mixln.load @model.layers.0.mlp_residual_scale : tensor<1xf32>
  %gf = mixln.load @model.norm.weight : tensor<8xf32>
  %out = mixln.rowwise [8] rows(%x1, %m : tensor<8x8xf32>, tensor<8x8xf32>) shared(%alpha, %gf : tensor<1xf32>, tensor<8xf32>) -> rows(tensor<8x8xf32>) attributes {mixln.site = "layers.0.mlp.combine+head", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<8xf32>, %b: vector<8xf32>, %s: f32, %g: vector<8xf32>):
    %c = vector.broadcast %s : f32 to vector<8xf32>
    %bs = arith.mulf %b, %c : vector<8xf32>
    %y = arith.addf %a, %bs : vector<8xf32>
    %0 = arith.mulf %y, %y : vector<8xf32>
    %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
    %n = arith.constant 0.125 : f32
    %e = arith.constant 1.0e-6 : f32
    %2 = arith.mulf %1, %n : f32
    %3 = arith.addf %2, %e : f32
    %4 = math.rsqrt %3 : f32
    %5 = vector.broadcast %4 : f32 to vector<8xf32>
    %6 = arith.mulf %y, %5 : vector<8xf32>
    %7 = arith.mulf %6, %g : vector<8xf32>
    mixln.yield rows(%7 : vector<8xf32>)
  }
  %wh = mixln.load @lm_head.weight : tensor<10x8xf32>
  %logits = mixln.matmul lhs(%out : tensor<8x8xf32>) rhs(%wh : tensor<10x8xf32>) transpose_rhs {mixln.site = "head"} -> tensor<8x10xf32>
  %targets = mixln.load @targets : tensor<8xi32>
  %loss = mixln.rowwise [8] rows(%logits, %targets : tensor<8x10xf32>, tensor<8xi32>) -> sums(tensor<1xf32>) attributes {mixln.site = "loss"} {
  ^bb0(%a: vector<10xf32>, %t: i32):
    %columns = vector.step : vector<10xindex>
    %ti = arith.index_cast %t : i32 to index
    %tb = vector.broadcast %ti : index to vector<10xindex>
    %onehot = arith.cmpi eq, %columns, %tb : vector<10xindex>
    %m0 = vector.reduction <maximumf>, %a : vector<10xf32> into f32
    %m1 = mixln.stop_gradient %m0 : f32
    %mb = vector.broadcast %m1 : f32 to vector<10xf32>
    %0 = arith.subf %a, %mb : vector<10xf32>
    %1 = math.exp %0 : vector<10xf32>
    %2 = vector.reduction <add>, %1 : vector<10xf32> into f32
    %3 = math.log %2 : f32
    %4 = arith.addf %3, %m1 : f32
    %zeros = arith.constant dense<0.0> : vector<10xf32>
    %5 = arith.select %onehot, %a, %zeros : vector<10xi1>, vector<10xf32>
    %6 = vector.reduction <add>, %5 : vector<10xf32> into f32
    %7 = arith.subf %4, %6 : f32
    %z = arith.constant 0 : i32
    %valid = arith.cmpi sge, %t, %z : i32
    %zero = arith.constant 0.0 : f32
    %8 = arith.select %valid, %7, %zero : f32
    mixln.yield sums(%8 : f32)
  }
  mixln.store %loss, @loss_sum : tensor<1xf32>
}

mixln.entry @loss.measured {
  %ids = mixln.load @input_ids : tensor<8xi32>
  %table = mixln.load @model.embed_tokens.weight : tensor<10x8xf32>
  %x = mixln.embedding %table, %ids {mixln.site = "embed"} : tensor<10x8xf32>, tensor<8xi32> -> tensor<8x8xf32>
  %rms = mixln.rowwise [8] rows(%x : tensor<8x8xf32>) -> sums(tensor<1xf32>) {
  ^bb0(%a: vector<8xf32>):
    %0 = arith.mulf %a, %a : vector<8xf32>
    %1 = vector.reduction <maximumf>, %0 : vector<8xf32> into f32
    mixln.yield sums(%1 : f32)
  }
  mixln.store %rms, @stream_rms : tensor<1xf32>
  %g1 = mixln.load @model.layers.0.input_layernorm.weight : tensor<8xf32>
  %h = mixln.rowwise [8] rows(%x : tensor<8x8xf32>) shared(%g1 : tensor<8xf32>) -> rows(tensor<8x8xf32>) attributes {mixln.site = "layers.0.attention.read", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<8xf32>, %g: vector<8xf32>):
    %0 = arith.mulf %a, %a : vector<8xf32>
    %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
    %n = arith.constant 0.125 : f32
    %e = arith.constant 1.0e-6 : f32
    %2 = arith.mulf %1, %n : f32
    %3 = arith.addf %2, %e : f32
    %4 = math.rsqrt %3 : f32
    %5 = vector.broadcast %4 : f32 to vector<8xf32>
    %6 = arith.mulf %a, %5 : vector<8xf32>
    %7 = arith.mulf %6, %g : vector<8xf32>
    mixln.yield rows(%7 : vector<8xf32>)
  }
  %wq = mixln.load @model.layers.0.self_attn.q_proj.weight : tensor<8x8xf32>
  %wk = mixln.load @model.layers.0.self_attn.k_proj.weight : tensor<4x8xf32>
  %wv = mixln.load @model.layers.0.self_attn.v_proj.weight : tensor<4x8xf32>
  %q0, %k, %v = mixln.matmul lhs(%h : tensor<8x8xf32>) rhs(%wq, %wk, %wv : tensor<8x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>) transpose_rhs {mixln.site = "layers.0.attention.qkv", mixln.layer = 0 : i64} -> tensor<8x8xf32>, tensor<8x4xf32>, tensor<8x4xf32>
  %qh = tensor.expand_shape %q0 [[0], [1, 2]] output_shape [8, 2, 4] : tensor<8x8xf32> into tensor<8x2x4xf32>
  %gq = mixln.load @model.layers.0.self_attn.q_norm.weight : tensor<4xf32>
  %qn = mixln.rowwise [8, 2] rows(%qh : tensor<8x2x4xf32>) shared(%gq : tensor<4xf32>) -> rows(tensor<8x2x4xf32>) attributes {mixln.site = "layers.0.attention.q_norm", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<4xf32>, %g: vector<4xf32>):
    %0 = arith.mulf %a, %a : vector<4xf32>
    %1 = vector.reduction <add>, %0 : vector<4xf32> into f32
    %2 = math.sqrt %1 : f32
    %3 = vector.broadcast %2 : f32 to vector<4xf32>
    %4 = arith.divf %a, %3 : vector<4xf32>
    %5 = arith.mulf %4, %g : vector<4xf32>
    mixln.yield rows(%5 : vector<4xf32>)
  }
  %q = tensor.collapse_shape %qn [[0], [1, 2]] : tensor<8x2x4xf32> into tensor<8x8xf32>
  %cos = mixln.load @rope_cos : tensor<4x2xf32>
  %sin = mixln.load @rope_sin : tensor<4x2xf32>
  %ctx, %lse = mixln.attention %q, %k, %v, %cos, %sin {heads = 2 : i64, mixln.site = "layers.0.attention", mixln.layer = 0 : i64} : tensor<8x8xf32>, tensor<8x4xf32>, tensor<8x4xf32>, tensor<4x2xf32>, tensor<4x2xf32> -> tensor<8x8xf32>, tensor<8x2xf32>
  %ctxh = tensor.expand_shape %ctx [[0], [1, 2]] output_shape [8, 2, 4] : tensor<8x8xf32> into tensor<8x2x4xf32>
  %hs = mixln.load @model.layers.0.self_attn.head_scale : tensor<2xf32>
  %scaledh = mixln.rowwise [8, 2] rows(%ctxh, %hs : tensor<8x2x4xf32>, tensor<2xf32> by (d0, d1) -> (d1)) -> rows(tensor<8x2x4xf32>) attributes {mixln.site = "layers.0.attention.head_scale", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<4xf32>, %s: f32):
    %0 = vector.broadcast %s : f32 to vector<4xf32>
    %1 = arith.mulf %a, %0 : vector<4xf32>
    mixln.yield rows(%1 : vector<4xf32>)
  }
  %scaled = tensor.collapse_shape %scaledh [[0], [1, 2]] : tensor<8x2x4xf32> into tensor<8x8xf32>
  %wo = mixln.load @model.layers.0.self_attn.o_proj.weight : tensor<8x8xf32>
  %f = mixln.matmul lhs(%scaled : tensor<8x8xf32>) rhs(%wo : tensor<8x8xf32>) transpose_rhs {mixln.site = "layers.0.attention.o_proj", mixln.layer = 0 : i64} -> tensor<8x8xf32>
  %x1 = mixln.rowwise [8] rows(%x, %f : tensor<8x8xf32>, tensor<8x8xf32>) -> rows(tensor<8x8xf32>) attributes {mixln.site = "layers.0.attention.combine", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<8xf32>, %b: vector<8xf32>):
    %0 = arith.addf %a, %b : vector<8xf32>
    mixln.yield rows(%0 : vector<8xf32>)
  }
  %wg = mixln.load @model.layers.0.mlp.gate_proj.weight : tensor<12x8xf32>
  %wu = mixln.load @model.layers.0.mlp.up_proj.weight : tensor<12x8xf32>
  %gate = mixln.matmul lhs(%x1 : tensor<8x8xf32>) rhs(%wg : tensor<12x8xf32>) transpose_rhs {mixln.site = "layers.0.mlp.gate_proj", mixln.layer = 0 : i64} -> tensor<8x12xf32>
  %up = mixln.matmul lhs(%x1 : tensor<8x8xf32>) rhs(%wu : tensor<12x8xf32>) transpose_rhs {mixln.site = "layers.0.mlp.up_proj", mixln.layer = 0 : i64} -> tensor<8x12xf32>
  %act = mixln.rowwise [8] rows(%gate, %up : tensor<8x12xf32>, tensor<8x12xf32>) -> rows(tensor<8x12xf32>) attributes {mixln.site = "layers.0.mlp.swiglu", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<12xf32>, %b: vector<12xf32>):
    %one = arith.constant dense<1.0> : vector<12xf32>
    %0 = arith.negf %a : vector<12xf32>
    %1 = math.exp %0 : vector<12xf32>
    %2 = arith.addf %one, %1 : vector<12xf32>
    %3 = arith.divf %one, %2 : vector<12xf32>
    %4 = arith.mulf %a, %3 : vector<12xf32>
    %5 = arith.mulf %4, %b : vector<12xf32>
    mixln.yield rows(%5 : vector<12xf32>)
  }
  %wd = mixln.load @model.layers.0.mlp.down_proj.weight : tensor<8x12xf32>
  %m = mixln.matmul lhs(%act : tensor<8x12xf32>) rhs(%wd : tensor<8x12xf32>) transpose_rhs {mixln.site = "layers.0.mlp.down_proj", mixln.layer = 0 : i64} -> tensor<8x8xf32>
  %alpha = mixln.load @model.layers.0.mlp_residual_scale : tensor<1xf32>
  %gf = mixln.load @model.norm.weight : tensor<8xf32>
  %out = mixln.rowwise [8] rows(%x1, %m : tensor<8x8xf32>, tensor<8x8xf32>) shared(%alpha, %gf : tensor<1xf32>, tensor<8xf32>) -> rows(tensor<8x8xf32>) attributes {mixln.site = "layers.0.mlp.combine+head", mixln.layer = 0 : i64} {
  ^bb0(%a: vector<8xf32>, %b: vector<8xf32>, %s: f32, %g: vector<8xf32>):
    %c = vector.broadcast %s : f32 to vector<8xf32>
    %bs = arith.mulf %b, %c : vector<8xf32>
    %y = arith.addf %a, %bs : vector<8xf32>
    %0 = arith.mulf %y, %y : vector<8xf32>
    %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
    %n = arith.constant 0.125 : f32
    %e = arith.constant 1.0e-6 : f32
    %2 = arith.mulf %1, %n : f32
    %3 = arith.addf %2, %e : f32
    %4 = math.rsqrt %3 : f32
    %5 = vector.broadcast %4 : f32 to vector<8xf32>
    %6 = arith.mulf %y, %5 : vector<8xf32>
    %7 = arith.mulf %6, %g : vector<8xf32>
    mixln.yield rows(%7 : vector<8xf32>)
  }
  %wh = mixln.load @lm_head.weight : tensor<10x8xf32>
  %logits = mixln.matmul lhs(%out : tensor<8x8xf32>) rhs(%wh : tensor<10x8xf32>) transpose_rhs {mixln.site = "head"} -> tensor<8x10xf32>
  %targets = mixln.load @targets : tensor<8xi32>
  %loss = mixln.rowwise [8] rows(%logits, %targets : tensor<8x10xf32>, tensor<8xi32>) -> sums(tensor<1xf32>) attributes {mixln.site = "loss"} {
  ^bb0(%a: vector<10xf32>, %t: i32):
    %columns = vector.step : vector<10xindex>
    %ti = arith.index_cast %t : i32 to index
    %tb = vector.broadcast %ti : index to vector<10xindex>
    %onehot = arith.cmpi eq, %columns, %tb : vector<10xindex>
    %m0 = vector.reduction <maximumf>, %a : vector<10xf32> into f32
    %m1 = mixln.stop_gradient %m0 : f32
    %mb = vector.broadcast %m1 : f32 to vector<10xf32>
    %0 = arith.subf %a, %mb : vector<10xf32>
    %1 = math.exp %0 : vector<10xf32>
    %2 = vector.reduction <add>, %1 : vector<10xf32> into f32
    %3 = math.log %2 : f32
    %4 = arith.addf %3, %m1 : f32
    %zeros = arith.constant dense<0.0> : vector<10xf32>
    %5 = arith.select %onehot, %a, %zeros : vector<10xi1>, vector<10xf32>
    %6 = vector.reduction <add>, %5 : vector<10xf32> into f32
    %7 = arith.subf %4, %6 : f32
    %z = arith.constant 0 : i32
    %valid = arith.cmpi sge, %t, %z : i32
    %zero = arith.constant 0.0 : f32
    %8 = arith.select %valid, %7, %zero : f32
    mixln.yield sums(%8 : f32)
  }
  mixln.store %loss, @loss_sum : tensor<1xf32>
}
}
