// RUN: mixlnc %configs/llama_9m.json --norm post_pre:1 --seq_len 16 --compile_to expand | FileCheck %s
// RUN: mixlnc %configs/llama_9m.json --norm post_pre:1 --seq_len 16 --compile_to expand --entries train | FileCheck %s --check-prefix=TRAIN
// RUN: mixlnc %configs/llama_9m.json --norm post_pre:1 --seq_len 16 --compile_to rematerialize | FileCheck %s --check-prefix=FUSED

// Generation is two entries of one sequence: T positions that leave keys and values behind, and one position beside
// them. Products of one row read weights as they lie; nothing of them is packed.
// CHECK-DAG: mixln.variable @keys.0 : tensor<16x{{[0-9]+}}xf32> cache
// CHECK-DAG: mixln.variable @decode_logits : tensor<1x32000xf32> output
// CHECK-LABEL: mixln.entry @prefill
// CHECK: mixln.store %{{.*}}, @keys.0
// CHECK: mixln.attention
// CHECK-NOT: lm_head
// CHECK-LABEL: mixln.entry @decode
// CHECK: mixln.attention_step {{.*}} : tensor<1x
// CHECK: mixln.store %{{.*}}, @keys.0
// CHECK: mixln.load @lm_head.weight
// CHECK: mixln.store %{{.*}}, @decode_logits
// TRAIN-NOT: cache
// TRAIN-NOT: @decode
// FUSED-LABEL: mixln.entry @decode
// FUSED-NOT: mixln.pack
// FUSED: mixln.store %{{.*}}, @decode_logits
