//===- TensorHelpers.cpp - Sums and zeros of whole tensors ----------------===//

#include "mixln/Transforms/Differentiate/TensorHelpers.h"
#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"

using namespace mlir;
using namespace mixln;

/// Rows of a tensor: all dimensions but the last. A tensor of one dimension is
/// one row, which a row program reads as shared and yields as a sum.
static SmallVector<int64_t> domainOf(RankedTensorType type) {
  if (type.getRank() < 2)
    return {1};
  return SmallVector<int64_t>(type.getShape().drop_back());
}

Value mixln::buildZeros(OpBuilder &builder, Location loc,
                        RankedTensorType type) {
  RowwiseBuilder program(builder, loc, domainOf(type));
  int64_t width = type.getShape().back();
  if (type.getRank() >= 2) {
    Type row = VectorType::get(width, builder.getF32Type());
    program.yieldRow(program.arithmetic.constant(0.0, row), type);
  } else {
    Type row = width == 1 ? Type(builder.getF32Type())
                          : VectorType::get(width, builder.getF32Type());
    program.yieldSum(program.arithmetic.constant(0.0, row));
  }
  return program.finish().front();
}

Value mixln::buildSum(OpBuilder &builder, Location loc, ValueRange tensors,
                      StringRef site, int64_t layer) {
  if (tensors.size() == 1)
    return tensors.front();
  auto type = cast<RankedTensorType>(tensors.front().getType());
  RowwiseBuilder program(builder, loc, domainOf(type));
  program.setSite(site, layer);
  Value sum;
  for (Value tensor : tensors) {
    Value term =
        type.getRank() < 2 ? program.shared(tensor) : program.row(tensor);
    sum = sum ? program.arithmetic.add(sum, term) : term;
  }
  if (type.getRank() < 2)
    program.yieldSum(sum);
  else
    program.yieldRow(sum, type);
  return program.finish().front();
}
