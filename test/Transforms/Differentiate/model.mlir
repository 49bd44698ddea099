// RUN: mixln-opt %S/Inputs/model.mlir --mixln-differentiate | FileCheck %s

// A transformer gets its run-time scalars once a parameter class.
// CHECK-DAG: mixln.variable @lr.embed : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @lr.ffn : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @decoupled_decay.gain : tensor<1xf32> scalar
// CHECK-DAG: mixln.variable @layer_grad_norm : tensor<1xf32> output

// The backward of attention reads the forward's results; the gradient of a
// number per head is a sum that keeps the head; the embedding's gradient reads
// the batch in the order of its tokens.
// CHECK-LABEL: mixln.entry @gradient {
// CHECK: mixln.rowwise [8, 2] {{.*}} sums(tensor<2xf32> by (d0, d1) -> (d1)) attributes {{.*}}"layers.0.attention.head_scale.backward"
// CHECK: mixln.attention_grad
// CHECK: %[[ORDER:.*]] = mixln.load @token_order
// CHECK: %[[STARTS:.*]] = mixln.load @segment_starts
// CHECK: mixln.embedding_grad %{{.*}}, %{{.*}}, %[[ORDER]], %[[STARTS]]
// CHECK: mixln.store %{{.*}}, @grad.model.embed_tokens.weight

// CHECK-LABEL: mixln.entry @gradient_add {
// CHECK: %[[TABLE:.*]] = mixln.load @grad.model.embed_tokens.weight
// CHECK: mixln.embedding_grad {{.*}} into %[[TABLE]]

// The norm is one chain over all gradients. Parameters without decay differ in
// an immediate only.
// CHECK-LABEL: mixln.entry @update {
// CHECK: %[[FIRST:.*]] = mixln.rowwise [10] {{.*}} sums(tensor<1xf32>)
// CHECK: mixln.rowwise [1] {{.*}} into(0: %[[FIRST]] : tensor<1xf32>)
// CHECK: mixln.store %{{.*}}, @grad_norm
// CHECK: values(1.000000e+00, 0.000000e+00) {{.*}} "model.layers.0.input_layernorm.weight.step"
// CHECK: values(5.000000e-01, 1.000000e+00) {{.*}} "model.layers.0.self_attn.head_scale.step"

// The measured forward disappears into a measured gradient.
// CHECK-NOT: mixln.entry @loss.measured
// CHECK-LABEL: mixln.entry @gradient.measured {
// CHECK: mixln.store %{{.*}}, @stream_rms
// CHECK: mixln.store %{{.*}}, @grad.model.embed_tokens.weight

// CHECK-LABEL: mixln.entry @gradient_norms {
// CHECK: mixln.store %{{.*}}, @layer_grad_norm
