//===- JoinedOp.td - A product and its reader ---------------*- tablegen -*-===//

#ifndef MIXLN_IR_JOINEDOP
#define MIXLN_IR_JOINEDOP

include "mixln/IR/MixlnDialect.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Mixln_JoinedOp : Mixln_Op<"joined", [
    Pure, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "a product and the row program that reads it, as one kernel";
  let description = [{
    The block holds one `matmul` with one product and one `rowwise` that reads
    the product row by row and needs no more of a row than a column at a time.
    Its arguments stand for the operands. The results are those of the row
    program, and before them the product where others read it too
    (`keeps_product`). Made just before the plan, for targets whose kernel of
    the product can compute the row program while it stores.

    Example:
    ```mlir
    %a = tensor.empty() : tensor<8x16xf32>
    %w = tensor.empty() : tensor<16x32xf32>
    %y = mixln.joined (%a, %w) : (tensor<8x16xf32>, tensor<16x32xf32>)
        -> (tensor<8x32xf32>) {
    ^bb0(%b: tensor<8x16xf32>, %v: tensor<16x32xf32>):
      %c = mixln.matmul lhs(%b : tensor<8x16xf32>) rhs(%v : tensor<16x32xf32>)
          -> tensor<8x32xf32>
      %z = mixln.rowwise [8] rows(%c : tensor<8x32xf32>)
          -> rows(tensor<8x32xf32>) {
      ^bb0(%r: vector<32xf32>):
        %s = arith.addf %r, %r : vector<32xf32>
        mixln.yield rows(%s : vector<32xf32>)
      }
    }
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs,
                       UnitAttr:$keeps_product);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` (`keeps_product` $keeps_product^)? attr-dict `:`
    functional-type($inputs, $outputs) $body
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    MatmulOp getProduct();
    RowwiseOp getReader();
  }];
}

#endif // MIXLN_IR_JOINEDOP
