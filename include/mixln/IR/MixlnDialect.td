//===- MixlnDialect.td - The mixln dialect -----------------*- tablegen -*-===//

#ifndef MIXLN_IR_MIXLNDIALECT
#define MIXLN_IR_MIXLNDIALECT

include "mlir/IR/OpBase.td"

def MixlnDialect : Dialect {
  let name = "mixln";
  let cppNamespace = "::mixln";
  let summary = "Training steps of transformers with any placement of norms";
  let description = [{
    Four layers of operations, from what a researcher says to what a machine
    runs:

    - the *model* (`model`, `norm_kind`, `placement`, `block`): declarative, no
      arithmetic outside the regions that formulas became;
    - *entries* over *variables* (`variable`, `entry`, `load`, `store`): what
      the host calls and what outlives a call;
    - *tensor operations* inside entries (`rowwise`, `matmul`, `attention`,
      `embedding` and their backward): values, no memory;
    - the *plan* (`kernel`, `dispatch`): a flat list of launches with offsets
      in one arena.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class Mixln_Op<string mnemonic, list<Trait> traits = []>
    : Op<MixlnDialect, mnemonic, traits>;

#endif // MIXLN_IR_MIXLNDIALECT
