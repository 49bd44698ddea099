//===- RowwiseOp.td - Row programs -------------------------*- tablegen -*-===//

#ifndef MIXLN_IR_ROWWISEOP
#define MIXLN_IR_ROWWISEOP

include "mixln/IR/MixlnDialect.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Mixln_RowwiseOp : Mixln_Op<"rowwise", [
    Pure, IsolatedFromAbove, AttrSizedOperandSegments, AttrSizedResultSegments,
    SingleBlock]> {
  let summary = "a row program: plain scalar and vector code on one row";
  let description = [{
    Runs its region once for every point of `domain`: (rows) or (rows, heads).
    Everything memory-bound in a training step is one: norms, residual adds,
    SwiGLU, cross-entropy, the optimizer, and the backward of each.

    Region arguments, in order: one per row operand, one per shared operand,
    one f32 per number of `values`.

    - A *row operand* has an affine map from the domain to the leading
      dimensions of its tensor. If one dimension remains, the argument is that
      row, `vector<Nxf32>` (f32 or bf16 in memory); if none remains, it is the
      element, `f32` or `i32`.
    - A *shared operand* is the same for every row: [N] gives `vector<Nxf32>`,
      [1] gives `f32`.
    - `values` are immediates: they are not part of the program's identity, so
      layers that differ only in a constant share a kernel. Neither are the
      extents of the rows.

    The region yields `rows`, written at the point itself (identity map), and
    `sums`, added up over the domain in a fixed order; a sum's map names the
    dimensions that it keeps: `()` all rows and heads are added, `(h)` one sum
    a head. `into(i: %init)` starts sum i from a value instead of zero.

    The body may use arith, math and vector operations and
    `mixln.stop_gradient`.

    Example:
    ```mlir
    %x = tensor.empty() : tensor<8x32xf32>
    %f = tensor.empty() : tensor<8x32xf32>
    %y = mixln.rowwise [8] rows(%x, %f : tensor<8x32xf32>, tensor<8x32xf32>)
        -> rows(tensor<8x32xf32>) {
    ^bb0(%a: vector<32xf32>, %b: vector<32xf32>):
      %0 = arith.addf %a, %b : vector<32xf32>
      mixln.yield rows(%0 : vector<32xf32>)
    }
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$rows,
                       Variadic<AnyRankedTensor>:$shared,
                       Variadic<AnyRankedTensor>:$into,
                       DenseI64ArrayAttr:$domain,
                       AffineMapArrayAttr:$row_maps,
                       AffineMapArrayAttr:$sum_maps,
                       DenseI64ArrayAttr:$into_sums,
                       DenseF64ArrayAttr:$values);
  let results = (outs Variadic<AnyRankedTensor>:$row_results,
                      Variadic<AnyRankedTensor>:$sum_results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    /// Builds the op with an empty body block that has the right arguments.
    /// `rowMaps` empty means identity for every row operand; `rowResults` are
    /// the element types of the region's row yields (`vector<Nxf32>` or f32),
    /// `sumResults` likewise with `sumMaps` (empty: all dimensions are summed).
    OpBuilder<(ins "::llvm::ArrayRef<int64_t>":$domain,
      "::mlir::ValueRange":$rows, "::llvm::ArrayRef<::mlir::AffineMap>":$rowMaps,
      "::mlir::ValueRange":$shared, "::llvm::ArrayRef<double>":$values,
      "::mlir::TypeRange":$rowResults, "::mlir::TypeRange":$sumResults,
      "::llvm::ArrayRef<::mlir::AffineMap>":$sumMaps,
      CArg<"::mlir::ValueRange", "{}">:$into,
      CArg<"::llvm::ArrayRef<int64_t>", "{}">:$intoSums)>
  ];
  let extraClassDeclaration = [{
    /// The identity map on the domain's dimensions.
    static ::mlir::AffineMap identityMap(::mlir::MLIRContext *context,
                                         unsigned rank);
    /// The map of a sum that keeps no dimension.
    static ::mlir::AffineMap sumAllMap(::mlir::MLIRContext *context,
                                       unsigned rank);
    /// The type of the region argument that a row operand of `type` read
    /// through `map` has; null if the operand does not fit the map.
    static ::mlir::Type rowArgumentType(::mlir::RankedTensorType type,
                                        ::mlir::AffineMap map);
    /// The type of the region argument of a shared operand; null if misfit.
    static ::mlir::Type sharedArgumentType(::mlir::RankedTensorType type);
    /// The tensor that a row yield of `type` becomes on `domain`.
    static ::mlir::RankedTensorType
    rowResultType(::llvm::ArrayRef<int64_t> domain, ::mlir::Type type);
    /// The tensor that a sum of `type` with `map` becomes on `domain`.
    static ::mlir::RankedTensorType
    sumResultType(::llvm::ArrayRef<int64_t> domain, ::mlir::AffineMap map,
                  ::mlir::Type type);

    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    YieldOp getYield();
    ::mlir::AffineMap getRowMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getRowMaps()[i]).getValue();
    }
    ::mlir::AffineMap getSumMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getSumMaps()[i]).getValue();
    }
    ::mlir::BlockArgument getRowArgument(unsigned i) {
      return getBodyBlock()->getArgument(i);
    }
    ::mlir::BlockArgument getSharedArgument(unsigned i) {
      return getBodyBlock()->getArgument(getRows().size() + i);
    }
    ::mlir::BlockArgument getValueArgument(unsigned i) {
      return getBodyBlock()->getArgument(getRows().size() +
                                         getShared().size() + i);
    }
  }];
}

def Mixln_YieldOp : Mixln_Op<"yield", [
    Pure, Terminator, AttrSizedOperandSegments,
    ParentOneOf<["RowwiseOp", "NormKindOp", "PlacementOp", "MeasureOp"]>]> {
  let summary = "what a row program computes for its row";
  let description = [{
    `rows` are written at the row, `sums` are added up over the domain.

    Example:
    ```mlir
    %x = tensor.empty() : tensor<8x32xf32>
    %y, %g = mixln.rowwise [8] rows(%x : tensor<8x32xf32>)
        -> rows(tensor<8x32xf32>) sums(tensor<32xf32>) {
    ^bb0(%a: vector<32xf32>):
      mixln.yield rows(%a : vector<32xf32>) sums(%a : vector<32xf32>)
    }
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$rows, Variadic<AnyType>:$sums);
  let assemblyFormat = [{
    (`rows` `(` $rows^ `:` type($rows) `)`)?
    (`sums` `(` $sums^ `:` type($sums) `)`)? attr-dict
  }];
}

def Mixln_StopGradientOp : Mixln_Op<"stop_gradient", [
    Pure, SameOperandsAndResultType]> {
  let summary = "the value itself, whose derivative is zero";
  let description = [{
    Example:
    ```mlir
    %x = arith.constant dense<1.0> : vector<32xf32>
    %y = mixln.stop_gradient %x : vector<32xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[AnyFloat, AnyVectorOfAnyRank]>:$value);
  let results = (outs AnyTypeOf<[AnyFloat, AnyVectorOfAnyRank]>:$result);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

#endif // MIXLN_IR_ROWWISEOP
