// RUN: split-file %s %t
// RUN: mixln-run %t/quotient.mlir --compare %t/quotient.mlir --entry e --set x=0 | FileCheck %s --check-prefix=SAME
// RUN: not mixln-run %t/quotient.mlir --compare %t/negated.mlir --entry e --set x=0 | FileCheck %s --check-prefix=SIGN
// RUN: not mixln-run %t/quotient.mlir --compare %t/shifted.mlir --entry e --set x=0 | FileCheck %s --check-prefix=OTHER

// Equal infinities do not differ, others do, and beside an infinite gradient
// another one is still compared.
// SAME: 3 variables compared, worst {{.*}} 0, tolerance
// SIGN: differs: grad.y
// OTHER: differs: grad.z

//--- quotient.mlir
mixln.variable @x : tensor<2x3xf32> input
mixln.variable @grad.y : tensor<2x3xf32> gradient
mixln.variable @grad.z : tensor<2x3xf32> gradient
mixln.entry @e {
  %x = mixln.load @x : tensor<2x3xf32>
  %y, %z = mixln.rowwise [2] rows(%x : tensor<2x3xf32>) -> rows(tensor<2x3xf32>, tensor<2x3xf32>) {
  ^bb0(%a: vector<3xf32>):
    %one = arith.constant dense<1.0> : vector<3xf32>
    %0 = arith.divf %one, %a : vector<3xf32>
    %1 = arith.addf %one, %a : vector<3xf32>
    mixln.yield rows(%0, %1 : vector<3xf32>, vector<3xf32>)
  }
  mixln.store %y, @grad.y : tensor<2x3xf32>
  mixln.store %z, @grad.z : tensor<2x3xf32>
}

//--- negated.mlir
mixln.variable @x : tensor<2x3xf32> input
mixln.variable @grad.y : tensor<2x3xf32> gradient
mixln.variable @grad.z : tensor<2x3xf32> gradient
mixln.entry @e {
  %x = mixln.load @x : tensor<2x3xf32>
  %y, %z = mixln.rowwise [2] rows(%x : tensor<2x3xf32>) -> rows(tensor<2x3xf32>, tensor<2x3xf32>) {
  ^bb0(%a: vector<3xf32>):
    %one = arith.constant dense<1.0> : vector<3xf32>
    %minus = arith.constant dense<-1.0> : vector<3xf32>
    %0 = arith.divf %minus, %a : vector<3xf32>
    %1 = arith.addf %one, %a : vector<3xf32>
    mixln.yield rows(%0, %1 : vector<3xf32>, vector<3xf32>)
  }
  mixln.store %y, @grad.y : tensor<2x3xf32>
  mixln.store %z, @grad.z : tensor<2x3xf32>
}

//--- shifted.mlir
mixln.variable @x : tensor<2x3xf32> input
mixln.variable @grad.y : tensor<2x3xf32> gradient
mixln.variable @grad.z : tensor<2x3xf32> gradient
mixln.entry @e {
  %x = mixln.load @x : tensor<2x3xf32>
  %y, %z = mixln.rowwise [2] rows(%x : tensor<2x3xf32>) -> rows(tensor<2x3xf32>, tensor<2x3xf32>) {
  ^bb0(%a: vector<3xf32>):
    %one = arith.constant dense<1.0> : vector<3xf32>
    %two = arith.constant dense<2.0> : vector<3xf32>
    %0 = arith.divf %one, %a : vector<3xf32>
    %1 = arith.addf %two, %a : vector<3xf32>
    mixln.yield rows(%0, %1 : vector<3xf32>, vector<3xf32>)
  }
  mixln.store %y, @grad.y : tensor<2x3xf32>
  mixln.store %z, @grad.z : tensor<2x3xf32>
}
