//===- JoinProducts.cpp - mixln-join-products -----------------------------===//
//
//   %u = mixln.matmul lhs(%h) rhs(%w) transpose_rhs
//   %y = mixln.rowwise [8] rows(%g, %u) -> ... { silu(g) * u }
//   =>
//   %y = mixln.joined (%h, %w, %g) ... {
//   ^bb0(%a, %b, %c):
//     %p = mixln.matmul lhs(%a) rhs(%b) transpose_rhs
//     %z = mixln.rowwise [8] rows(%c, %p) -> ... { silu(g) * u }
//   }
//
// for targets whose kernel of the product can compute the row program while it
// stores. The product becomes a result where others read it too. It moves down
// to its first reader, unless something is stored to a variable on the way: a
// side could be what lies there.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/Joined.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Passes.h"
#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/ReferenceKernels.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNJOINPRODUCTS
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

/// The row program that reads `product` first; null if that is another
/// operation or one that does not read it row by row.
static RowwiseOp readerOf(MatmulOp product) {
  if (product.getNumProducts() != 1 || !product.getInto().empty())
    return {};
  Value value = product->getResult(0);
  Operation *first = nullptr;
  for (Operation *user : value.getUsers())
    if (!first || user->isBeforeInBlock(first))
      first = user;
  auto reader = dyn_cast_or_null<RowwiseOp>(first);
  if (!reader || reader.getDomain() != ArrayRef<int64_t>{product.getM()})
    return {};
  for (OpOperand &operand : reader->getOpOperands())
    if (operand.get() == value &&
        (operand.getOperandNumber() >= reader.getRows().size() ||
         !reader.getRowMap(operand.getOperandNumber()).isIdentity()))
      return {};
  for (Operation *op = product->getNextNode(); op != first;
       op = op->getNextNode())
    if (isa<StoreOp>(op))
      return {};
  return reader;
}

static void join(MatmulOp product, RowwiseOp reader) {
  Value value = product->getResult(0);
  bool keeps = !value.hasOneUse() &&
               llvm::any_of(value.getUsers(),
                            [&](Operation *user) { return user != reader; });
  llvm::SetVector<Value> inputs;
  inputs.insert_range(product->getOperands());
  for (Value operand : reader->getOperands())
    if (operand != value)
      inputs.insert(operand);
  SmallVector<Type> types;
  if (keeps)
    types.push_back(value.getType());
  llvm::append_range(types, reader->getResultTypes());

  OpBuilder builder(reader);
  auto joined = JoinedOp::create(builder, reader.getLoc(), types,
                                 inputs.getArrayRef(), keeps);
  copySite(reader, joined);
  joined->removeDiscardableAttr("mixln.names");
  Block &block = joined.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, block.addArgument(input.getType(), input.getLoc()));
  builder.setInsertionPointToEnd(&block);
  for (Operation *op : {product.getOperation(), reader.getOperation()}) {
    Operation *inner = builder.clone(*op, mapping);
    for (NamedAttribute named : llvm::to_vector(inner->getDiscardableAttrs()))
      if (named.getName().getValue().starts_with("mixln."))
        inner->removeDiscardableAttr(named.getName());
  }
  unsigned next = 0;
  auto replace = [&](Value old) {
    OpResult result = joined->getResult(next++);
    if (StringRef name = getName(cast<OpResult>(old)); !name.empty())
      setName(result, name);
    old.replaceAllUsesExcept(result, reader);
  };
  if (keeps)
    replace(value);
  for (Value result : reader->getResults())
    replace(result);
  reader.erase();
  product.erase();
}

namespace {
struct JoinProductsPass : mixln::impl::MixlnJoinProductsBase<JoinProductsPass> {
  using MixlnJoinProductsBase::MixlnJoinProductsBase;
  explicit JoinProductsPass(KernelGenerator &kernels) : kernels(&kernels) {}

  void runOnOperation() override {
    ReferenceKernels reference;
    KernelGenerator &asked = kernels ? *kernels : reference;
    for (auto entry : getOperation().getOps<EntryOp>())
      // The last first: a row program that reads two products then joins the
      // one beside it.
      for (auto product : llvm::to_vector(llvm::reverse(
               llvm::to_vector(entry.getBody().front().getOps<MatmulOp>()))))
        if (RowwiseOp reader = readerOf(product);
            reader && asked.canJoin(product, reader))
          join(product, reader);
  }

  KernelGenerator *kernels = nullptr;
};
} // namespace

std::unique_ptr<Pass> mixln::createJoinProductsPass(KernelGenerator &kernels) {
  return std::make_unique<JoinProductsPass>(kernels);
}
