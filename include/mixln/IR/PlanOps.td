//===- PlanOps.td - Kernels and dispatches -----------------*- tablegen -*-===//

#ifndef MIXLN_IR_PLANOPS
#define MIXLN_IR_PLANOPS

include "mixln/IR/MixlnDialect.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"

def Mixln_KernelOp : Mixln_Op<"kernel", [
    Symbol, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "what a dispatch runs: one tensor operation";
  let description = [{
    The block's arguments stand for the operands; its only operation is the
    prototype, with the extents of one dispatch. Other dispatches of the kernel
    may have other extents of rows and other `values`: neither is part of a
    kernel's identity.

    Example:
    ```mlir
    mixln.kernel @copy.8 {
    ^bb0(%x: tensor<8x32xf32>):
      %y = mixln.rowwise [8] rows(%x : tensor<8x32xf32>)
          -> rows(tensor<8x32xf32>) {
      ^bb0(%a: vector<32xf32>):
        mixln.yield rows(%a : vector<32xf32>)
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The one operation of the kernel.
    ::mlir::Operation *getPrototype() { return &getBody().front().front(); }
  }];
}

def Mixln_DispatchOp : Mixln_Op<"dispatch", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one launch of a kernel on ranges of the arena";
  let description = [{
    `reads` are the prototype's operands, `writes` its results: byte offsets in
    the arena, with the types of this launch. An operand that the kernel adds
    into stands in both at the same offset. `domain` is the iteration domain of
    a row program, empty for other kernels. `workspace` is the offset and the
    number of bytes of the range that only this launch uses; `tasks` has the
    number of tasks of each phase, `sizes` the extents that the kernel reads at
    run time; `flops` and `bytes` are what the launch computes and moves.

    Example:
    ```mlir
    mixln.kernel @matmul {
    ^bb0(%a: tensor<8x32xf32>, %b: tensor<16x32xf32>):
      %c = mixln.matmul lhs(%a : tensor<8x32xf32>)
          rhs(%b : tensor<16x32xf32>) transpose_rhs -> tensor<8x16xf32>
    }
    mixln.entry @multiply {
      mixln.dispatch @matmul domain [] values []
        reads [0, 1024] : [tensor<8x32xf32>, tensor<16x32xf32>]
        writes [3072] : [tensor<8x16xf32>]
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, DenseI64ArrayAttr:$domain,
                       DenseF64ArrayAttr:$values, DenseI64ArrayAttr:$reads,
                       TypeArrayAttr:$read_types, DenseI64ArrayAttr:$writes,
                       TypeArrayAttr:$write_types,
                       OptionalAttr<DenseI64ArrayAttr>:$workspace,
                       OptionalAttr<DenseI64ArrayAttr>:$tasks,
                       OptionalAttr<DenseI64ArrayAttr>:$sizes,
                       OptionalAttr<F64Attr>:$flops,
                       OptionalAttr<F64Attr>:$bytes);
  let assemblyFormat = [{
    $kernel `domain` $domain `values` custom<ExactNumbers>($values) `reads` $reads `:` $read_types
    `writes` $writes `:` $write_types attr-dict
  }];
  let hasVerifier = 1;
}

#endif // MIXLN_IR_PLANOPS
