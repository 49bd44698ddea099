module attributes {a = dense_resource<x> : tensor<1xf32>} {}
{-# dialect_resources: { builtin: { x: "0x04000000" } } #-}