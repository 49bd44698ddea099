// What a joined operation holds is checked: one product, its reader, and their
// results.
// RUN: mixln-opt %s --split-input-file --verify-diagnostics

mixln.entry @e {
  %a = tensor.empty() : tensor<8x8xf32>
  // expected-error@+1 {{holds other operations than a matmul and a rowwise}}
  %y = mixln.joined (%a) : (tensor<8x8xf32>) -> (tensor<8x8xf32>) {
  ^bb0(%b: tensor<8x8xf32>):
    %c = mixln.matmul lhs(%b : tensor<8x8xf32>) rhs(%b : tensor<8x8xf32>)
        -> tensor<8x8xf32>
  }
}

// -----

mixln.entry @e {
  %a = tensor.empty() : tensor<8x8xf32>
  // expected-error@+1 {{has a rowwise that does not read the product's rows}}
  %y = mixln.joined (%a) : (tensor<8x8xf32>) -> (tensor<8x8xf32>) {
  ^bb0(%b: tensor<8x8xf32>):
    %c = mixln.matmul lhs(%b : tensor<8x8xf32>) rhs(%b : tensor<8x8xf32>)
        -> tensor<8x8xf32>
    %z = mixln.rowwise [8] rows(%b : tensor<8x8xf32>)
        -> rows(tensor<8x8xf32>) {
    ^bb0(%r: vector<8xf32>):
      mixln.yield rows(%r : vector<8xf32>)
    }
  }
}

// -----

mixln.entry @e {
  %a = tensor.empty() : tensor<8x8xf32>
  // expected-error@+1 {{has a matmul of several products, or one that adds}}
  %y = mixln.joined (%a) : (tensor<8x8xf32>) -> (tensor<8x8xf32>) {
  ^bb0(%b: tensor<8x8xf32>):
    %c = mixln.matmul lhs(%b : tensor<8x8xf32>) rhs(%b : tensor<8x8xf32>)
        into(%b : tensor<8x8xf32>) -> tensor<8x8xf32>
    %z = mixln.rowwise [8] rows(%c : tensor<8x8xf32>)
        -> rows(tensor<8x8xf32>) {
    ^bb0(%r: vector<8xf32>):
      mixln.yield rows(%r : vector<8xf32>)
    }
  }
}

// -----

mixln.entry @e {
  %a = tensor.empty() : tensor<8x8xf32>
  // expected-error@+1 {{has other results than its row program}}
  %y = mixln.joined (%a) keeps_product : (tensor<8x8xf32>) -> (tensor<8x8xf32>) {
  ^bb0(%b: tensor<8x8xf32>):
    %c = mixln.matmul lhs(%b : tensor<8x8xf32>) rhs(%b : tensor<8x8xf32>)
        -> tensor<8x8xf32>
    %z = mixln.rowwise [8] rows(%c : tensor<8x8xf32>)
        -> rows(tensor<8x8xf32>) {
    ^bb0(%r: vector<8xf32>):
      mixln.yield rows(%r : vector<8xf32>)
    }
  }
}

// -----

mixln.entry @e {
  %a = tensor.empty() : tensor<8x8xf32>
  // expected-error@+1 {{has arguments of other types than its operands}}
  %y = mixln.joined (%a) : (tensor<8x8xf32>) -> (tensor<4x8xf32>) {
  ^bb0(%b: tensor<4x8xf32>, %v: tensor<8x8xf32>):
    %c = mixln.matmul lhs(%b : tensor<4x8xf32>) rhs(%v : tensor<8x8xf32>)
        -> tensor<4x8xf32>
    %z = mixln.rowwise [4] rows(%c : tensor<4x8xf32>)
        -> rows(tensor<4x8xf32>) {
    ^bb0(%r: vector<8xf32>):
      mixln.yield rows(%r : vector<8xf32>)
    }
  }
}
