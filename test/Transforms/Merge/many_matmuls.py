#!/usr/bin/env python3
"""Prints an entry of N matmuls that read one value: many_matmuls.py N"""
import sys

count = int(sys.argv[1])
print("mixln.variable @h : tensor<2x4xf32> input")
for i in range(count):
    print(f"mixln.variable @w{i} : tensor<3x4xf32> input")
    print(f"mixln.variable @y{i} : tensor<2x3xf32> output")
print("mixln.entry @products {\n  %h = mixln.load @h : tensor<2x4xf32>")
for i in range(count):
    print(f"  %w{i} = mixln.load @w{i} : tensor<3x4xf32>")
    print(f"  %y{i} = mixln.matmul lhs(%h : tensor<2x4xf32>) rhs(%w{i} : tensor<3x4xf32>) transpose_rhs\n"
          f"      -> tensor<2x3xf32>")
    print(f"  mixln.store %y{i}, @y{i} : tensor<2x3xf32>")
print("}")
