module attributes {mixln.config_json = "{\0A  \22hidden_size\22: 8,\0A  \22intermediate_size\22: 6,\0A  \22num_attention_heads\22: 2,\0A  \22num_hidden_layers\22: 3,\0A  \22vocab_size\22: 5,\0A  \22rope_parameters\22: {\0A    \22rope_type\22: \22default\22,\0A    \22rope_theta\22: 500000.0\0A  },\0A  \22num_key_value_heads\22: 1,\0A  \22head_dim\22: 4,\0A  \22max_position_embeddings\22: 64,\0A  \22rms_norm_eps\22: 1e-05,\0A  \22initializer_range\22: 0.02,\0A  \22architectures\22: [\0A    \22MixlnForCausalLM\22\0A  ],\0A  \22model_type\22: \22mixln\22,\0A  \22hidden_act\22: \22silu\22,\0A  \22rope_theta\22: 500000.0,\0A  \22attention_bias\22: false,\0A  \22tie_word_embeddings\22: false,\0A  \22norm_type\22: \22gpas\22\0A}", mixln.norm = "gpas"} {
  mixln.model @model streams ["x"] config {batch_size = 1 : i64, embedding_std = 2.000000e-02 : f64, hidden_size = 8 : i64, initializer_range = 2.000000e-02 : f64, intermediate_size = 6 : i64, num_attention_heads = 2 : i64, num_hidden_layers = 3 : i64, num_key_value_heads = 1 : i64, rms_norm_eps = 1.000000e-05 : f64, rope_theta = 5.000000e+05 : f64, seq_len = 4 : i64, vocab_size = 5 : i64} {
    mixln.norm_kind @rms.8 params ["weight"] inits [1.000000e+00] classes ["gain"] {
    ^bb0(%arg0: vector<8xf32>, %arg1: vector<8xf32>):
      %0 = arith.mulf %arg0, %arg0 : vector<8xf32>
      %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
      %cst = arith.constant 1.250000e-01 : f32
      %2 = arith.mulf %1, %cst : f32
      %cst_0 = arith.constant 9.99999974E-6 : f32
      %3 = arith.addf %2, %cst_0 : f32
      %4 = math.sqrt %3 : f32
      %cst_1 = arith.constant 1.000000e+00 : f32
      %5 = arith.divf %cst_1, %4 : f32
      %6 = vector.broadcast %5 : f32 to vector<8xf32>
      %7 = arith.mulf %arg0, %6 : vector<8xf32>
      %8 = arith.mulf %7, %arg1 : vector<8xf32>
      mixln.yield rows(%8 : vector<8xf32>)
    }
    mixln.placement @readout params {model.norm.weight = {class = "gain", init = 1.000000e+00 : f64, shape = "row"}} read ["x", "model.norm.weight"] {
    ^bb0(%arg0: vector<8xf32>, %arg1: vector<8xf32>):
      %0 = arith.mulf %arg0, %arg0 : vector<8xf32>
      %1 = vector.reduction <add>, %0 : vector<8xf32> into f32
      %cst = arith.constant 1.250000e-01 : f32
      %2 = arith.mulf %1, %cst : f32
      %cst_0 = arith.constant 9.99999974E-6 : f32
      %3 = arith.addf %2, %cst_0 : f32
      %4 = math.sqrt %3 : f32
      %cst_1 = arith.constant 1.000000e+00 : f32
      %5 = arith.divf %cst_1, %4 : f32
      %6 = vector.broadcast %5 : f32 to vector<8xf32>
      %7 = arith.mulf %arg0, %6 : vector<8xf32>
      %8 = arith.mulf %7, %arg1 : vector<8xf32>
      mixln.yield rows(%8 : vector<8xf32>)
    } combine [] {
    }
    mixln.block @layers.0 attention = <gp = "sum", in = #mixln.norm<rms>>, mlp = <gp = "sum", in = #mixln.norm<rms>>
    mixln.block @layers.1 attention = <gp = "sum", in = #mixln.norm<rms>>, mlp = <gp = "sum", in = #mixln.norm<rms>>
    mixln.block @layers.2 attention = <gp = "sum", in = #mixln.norm<rms>>, mlp = <gp = "sum", in = #mixln.norm<rms>>
  }
}

