// RUN: mixln-run %s --entry scale --set x=2 --set factor*=3 --outputs %t.safetensors
// RUN: mixln-run %s --entry copy --inputs %t.safetensors --compare %s
// RUN: not mixln-run %s --entry nothing 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not mixln-run %s --entri scale 2>&1 | FileCheck %s --check-prefix=FLAG
// RUN: not mixln-run %s 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not mixln-run %s --entry scale --set z=1 2>&1 | FileCheck %s --check-prefix=SET
// RUN: not mixln-run %s --entry scale --inputs %s 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: not mixln-run %s --entry scale --tolerance many 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not mixln-run %t.none.mlir --entry scale 2>&1 | FileCheck %s --check-prefix=MODULE

// Values go from flags through an entry to a file, and from that file into
// variables; what is wrong on the command line is named.
// ENTRY: error: has no entry @nothing
// FLAG: mixln-run: unknown flag --entri, did you mean --entry?
// NONE: mixln-run: no entry: give --entry NAME
// SET: mixln-run: --set z=1: the module has no such variable
// FILE: mixln-run: {{.*}}run.mlir: claims a header of
// NUMBER: mixln-run: --tolerance is 'many', expected a number that is not negative
// MODULE: none.mlir:1:1: error: cannot read this file: No such file

mixln.variable @x : tensor<2x3xf32> parameter
mixln.variable @factor.a : tensor<1xf32> scalar
mixln.variable @y : tensor<2x3xf32> output
mixln.variable @z.copy : tensor<2x3xf32> output

mixln.entry @scale {
  %x = mixln.load @x : tensor<2x3xf32>
  %f = mixln.load @factor.a : tensor<1xf32>
  %y = mixln.rowwise [2] rows(%x : tensor<2x3xf32>) shared(%f : tensor<1xf32>) -> rows(tensor<2x3xf32>) {
  ^bb0(%a: vector<3xf32>, %c: f32):
    %0 = vector.broadcast %c : f32 to vector<3xf32>
    %1 = arith.mulf %a, %0 : vector<3xf32>
    mixln.yield rows(%1 : vector<3xf32>)
  }
  mixln.store %y, @y : tensor<2x3xf32>
}

mixln.entry @copy {
  %y = mixln.load @y : tensor<2x3xf32>
  mixln.store %y, @z.copy : tensor<2x3xf32>
}
