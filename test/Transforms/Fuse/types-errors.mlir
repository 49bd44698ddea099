// RUN: mixln-opt %s --mixln-types --verify-diagnostics --split-input-file
// RUN: not mixln-opt %s --mixln-types=streams=f16 --split-input-file 2>&1 | FileCheck %s

// A type that is none of the three is named.
// expected-error @+1 {{mixln.dtype is "fp16", expected "fp32", "bf16" or "bf16_pure"}}
module attributes {mixln.dtype = "fp16"} {
}

// -----

// So is a type of streams.
// CHECK: streams is "f16", expected "f32" or "bf16"
module attributes {mixln.dtype = "bf16"} {
}
