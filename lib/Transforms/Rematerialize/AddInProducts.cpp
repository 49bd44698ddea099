//===- AddInProducts.cpp - mixln-add-in-products --------------------------===//
//
//   %f = mixln.matmul lhs(%c) rhs(%w) -> f32
//   %s, %h = mixln.rowwise rows(%x, %f) { yield rows(%a + %b, norm(%a + %b)) }
//   =>
//   %s = mixln.matmul lhs(%c) rhs(%w) into(%x) -> f32
//   %h = mixln.rowwise rows(%s) { yield rows(norm(%a)) }
//
// A library that forms sums in f32 adds %x to them before it stores them, so
// the bits are those of the row program. Of a product in bf16 they would be
// others, and nothing would be saved: an f32 stream moves through the product
// instead of the row program.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Sites.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Rematerialize/RowParts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNADDINPRODUCTS
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {
/// A row program that reads a product only to add a tensor to it.
struct Reader {
  RowwiseOp program;
  arith::AddFOp sum;
  Value addend;
};
} // namespace

static bool isOwnRow(RowwiseOp op, unsigned operand) {
  return operand < op.getRows().size() && op.getRowMap(operand).isIdentity();
}

/// Fails where the use is anything else.
static FailureOr<Reader> getReader(OpOperand &use) {
  auto program = dyn_cast<RowwiseOp>(use.getOwner());
  unsigned operand = use.getOperandNumber();
  if (!program || !isOwnRow(program, operand))
    return failure();
  BlockArgument product = program.getRowArgument(operand);
  if (!product.hasOneUse())
    return failure();
  auto sum = dyn_cast<arith::AddFOp>(*product.getUsers().begin());
  if (!sum)
    return failure();
  auto other = dyn_cast<BlockArgument>(sum.getLhs() == product ? sum.getRhs()
                                                               : sum.getLhs());
  // A sum over rows stays as it is.
  if (llvm::is_contained(program.getYield().getSums(), sum.getResult()))
    return failure();
  if (!other || other == product || !isOwnRow(program, other.getArgNumber()))
    return failure();
  return Reader{program, sum, program.getRows()[other.getArgNumber()]};
}

/// The row results of `op` that are not `sum`, stored as `type`; those that are
/// become `tensor`.
static SmallVector<unsigned> takeSum(RowwiseOp op, Value sum, Value tensor) {
  SmallVector<unsigned> others;
  for (auto [i, yielded] : llvm::enumerate(op.getYield().getRows())) {
    Value result = op.getRowResults()[i];
    if (yielded != sum || result.getType() != tensor.getType()) {
      others.push_back(i);
      continue;
    }
    if (StringRef name = getName(cast<OpResult>(result)); !name.empty())
      setName(cast<OpResult>(tensor), name);
    result.replaceAllUsesWith(tensor);
  }
  return others;
}

namespace {
struct AddInProducts : mixln::impl::MixlnAddInProductsBase<AddInProducts> {
  void runOnOperation() override {
    for (auto entry : getOperation().getOps<EntryOp>())
      for (auto op : llvm::make_early_inc_range(
               entry.getBody().front().getOps<MatmulOp>()))
        if (op.getNumProducts() == 1 && op.getInto().empty())
          addIn(op);
  }

  static void addIn(MatmulOp op) {
    Value product = op->getResult(0);
    if (!typeOf(product).getElementType().isF32() || product.use_empty())
      return;
    SmallVector<Reader> readers;
    SmallVector<Operation *> programs;
    for (OpOperand &use : product.getUses()) {
      FailureOr<Reader> reader = getReader(use);
      if (failed(reader) ||
          (!readers.empty() && (reader->addend != readers[0].addend ||
                                llvm::is_contained(programs, reader->program))))
        return;
      programs.push_back(reader->program);
      readers.push_back(*reader);
    }
    Value addend = readers[0].addend;
    Operation *made = addend.getDefiningOp();
    if (addend.getType() != product.getType() || !made ||
        !made->isBeforeInBlock(op))
      return;
    op->removeDiscardableAttr("mixln.names");
    op.getIntoMutable().assign(addend);
    OpBuilder builder(op);
    for (Reader &reader : readers) {
      SmallVector<unsigned> others =
          takeSum(reader.program, reader.sum, product);
      if (others.empty() && reader.program.getSumResults().empty())
        reader.program.erase();
      else
        readStoredRows(builder, reader.program, {{reader.sum, product}}, others,
                       /*withSums=*/true);
    }
  }
};
} // namespace
