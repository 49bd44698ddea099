//===- Types.cpp - mixln-types --------------------------------------------===//
//
// Before, in a module with mixln.dtype = "bf16":
//
//   %x1, %h = mixln.rowwise [R] rows(%x, %f) -> rows([R, D] f32, [R, D] f32)
//   %u = mixln.matmul lhs(%h : f32) rhs(%w : f32) transpose_rhs -> [R, M] f32
//   %f1 = ...
//   %x2 = mixln.rowwise [R] rows(%x1, %f1) -> rows([R, D] f32)
//   %dw = mixln.matmul lhs(%du : f32) rhs(%h : f32) transpose_lhs -> [M, D] f32
//   mixln.store %dw, @grad.w
//
// After: activations and their cotangents are bf16 in memory.
//
//   %x1, %h = mixln.rowwise [R] rows(%x, %f) -> rows([R, D] f32, [R, D] bf16)
//   %u = mixln.matmul lhs(%h : bf16) rhs(%w : f32) transpose_rhs -> [R, M] bf16
//   %x2 = mixln.rowwise [R] rows(%x1, %f1) -> rows([R, D] f32)
//   %dw = mixln.matmul lhs(%du : bf16) rhs(%h : bf16) transpose_lhs -> f32
//
// The table, first row that holds; views (reshapes, slices, concatenations)
// have the type of what they show:
//
//   a value loaded from or stored to a variable      the variable's
//   a sum, a number a row, a weight's gradient       f32
//   a row program's or the embedding's result that
//   another row program reads: a residual stream or
//   its cotangent, carried past a branch             f32 (option streams)
//   results of matmul and attention, other results
//   of row programs, the embedding                   bf16
//
// Products and attention read bf16 only. A stream that one of them reads (the
// row program yields what is carried and what the next branch reads as one
// value) is stored twice. Bodies of row programs compute in f32 whatever the
// memory holds, so none changes.
//
// Variables stay f32: masters, gradients, moments. Caches are bf16. With
// mixln.dtype = "bf16_pure" they are bf16 too.
//
//===----------------------------------------------------------------------===//

#include "mixln/IR/RowResults.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Transforms/Fuse/CopyRows.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mixln {
#define GEN_PASS_DEF_MIXLNTYPES
#include "mixln/Transforms/Passes.h.inc"
} // namespace mixln

using namespace mlir;
using namespace mixln;

namespace {

void setElementType(Value value, Type element) {
  value.setType(typeOf(value).clone(element));
}

bool isView(Operation *op) {
  return isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                         tensor::ExtractSliceOp, tensor::ConcatOp>(op);
}

/// Rows of what the model computes, or of their cotangents.
bool isActivation(OpResult value) {
  Operation *op = value.getOwner();
  if (auto rows = dyn_cast<RowwiseOp>(op))
    return value.getResultNumber() < rows.getRowResults().size() &&
           isa<VectorType>(
               rows.getYield().getRows()[value.getResultNumber()].getType());
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return !matmul.getTransposeLhs();
  if (isa<AttentionOp, AttentionStepOp>(op))
    return value.getResultNumber() == 0;
  return isa<AttentionGradOp, EmbeddingOp>(op);
}

/// The operands that must be bf16 where they are activations.
SmallVector<OpOperand *> narrowOperands(Operation *op) {
  SmallVector<OpOperand *> operands;
  auto add = [&](MutableArrayRef<OpOperand> list) {
    for (OpOperand &operand : list)
      operands.push_back(&operand);
  };
  if (auto matmul = dyn_cast<MatmulOp>(op))
    add(op->getOpOperands().take_front(matmul.getLhs().size() +
                                       matmul.getRhs().size()));
  else if (isa<AttentionOp, AttentionStepOp>(op))
    add(op->getOpOperands().take_front(3));
  else if (isa<AttentionGradOp>(op))
    operands = {&op->getOpOperand(0), &op->getOpOperand(1),
                &op->getOpOperand(2), &op->getOpOperand(5),
                &op->getOpOperand(7)};
  return operands;
}

class EntryTypes {
public:
  EntryTypes(EntryOp entry, bool wideStreams)
      : entry(entry), wideStreams(wideStreams), builder(entry.getContext()),
        bf16(builder.getBF16Type()) {}

  void run();

private:
  void setTypes();
  void addTwins();
  void addRowTwins(RowwiseOp op, ArrayRef<unsigned> which);
  bool isWeight(Value value);
  Value twinOf(Value value);
  Value storeAgain(Value value, Type element);
  void castUnsupported();

  EntryOp entry;
  bool wideStreams;
  OpBuilder builder;
  Type bf16;
  /// The bf16 copies of f32 values.
  DenseMap<Value, Value> twins;
};

/// What is known of values that share memory.
struct Group {
  Type variable;
  bool isFixed = false;
  /// Whether a row program or the embedding made it, and one reads it.
  bool fromRows = false, readByRows = false;
};

} // namespace

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

void EntryTypes::setTypes() {
  llvm::EquivalenceClasses<Value> classes;
  for (Operation &op : entry.getBody().front())
    for (Value result : op.getResults()) {
      classes.insert(result);
      if (isView(&op))
        for (Value source : op.getOperands())
          classes.unionSets(result, source);
    }
  // What is added to has the type of the sum.
  for (Operation &op : entry.getBody().front()) {
    if (auto rows = dyn_cast<RowwiseOp>(op))
      for (auto [sum, into] : llvm::zip(rows.getIntoSums(), rows.getInto()))
        classes.unionSets(into, rows.getSumResults()[sum]);
    if (auto matmul = dyn_cast<MatmulOp>(op);
        matmul && !matmul.getTransposeLhs())
      for (auto [into, result] :
           llvm::zip(matmul.getInto(), matmul.getResults()))
        classes.unionSets(into, result);
  }
  // Optimizers and norms of gradients have no activations.
  bool hasModel = !entry.getBody().front().getOps<MatmulOp>().empty();
  DenseMap<Value, Group> groups;
  auto elementOfVariable = [&](FlatSymbolRefAttr name) {
    auto variable =
        SymbolTable::lookupNearestSymbolFrom<VariableOp>(entry, name);
    return cast<RankedTensorType>(variable.getType()).getElementType();
  };
  auto groupOf = [&](Value value) -> Group & {
    return groups[classes.getLeaderValue(value)];
  };
  for (Operation &op : entry.getBody().front()) {
    if (auto load = dyn_cast<LoadOp>(op))
      groupOf(load.getResult()).variable =
          elementOfVariable(load.getVariableAttr());
    else if (auto store = dyn_cast<StoreOp>(op))
      groupOf(store.getValue()).variable =
          elementOfVariable(store.getVariableAttr());
    if (isa<RowwiseOp>(op))
      for (Value operand : op.getOperands())
        groupOf(operand).readByRows = true;
    for (OpResult result : op.getResults()) {
      if (isView(&op))
        continue;
      groupOf(result).isFixed |= !isActivation(result);
      groupOf(result).fromRows |= isa<RowwiseOp, EmbeddingOp>(op);
    }
  }
  for (Operation &op : entry.getBody().front())
    for (Value result : op.getResults()) {
      const Group &group = groupOf(result);
      if (group.variable)
        setElementType(result, group.variable);
      else if (hasModel && !group.isFixed &&
               !(wideStreams && group.fromRows && group.readByRows))
        setElementType(result, bf16);
    }
}

//===----------------------------------------------------------------------===//
// Values that are wanted in both types
//===----------------------------------------------------------------------===//

/// A row program that stores `value` again as `element`.
Value EntryTypes::storeAgain(Value value, Type element) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(value);
  return copyRows(builder, value, typeOf(value).clone(element),
                  value.getDefiningOp(), "cast");
}

/// Lets `op` store row results `which` a second time, as bf16.
void EntryTypes::addRowTwins(RowwiseOp op, ArrayRef<unsigned> which) {
  SmallVector<RowResult> results;
  for (OpResult result : op.getRowResults())
    results.push_back({result.getResultNumber(), typeOf(result), result});
  size_t rows = results.size();
  for (unsigned i : which)
    results.push_back({i, typeOf(op->getResult(i)).clone(bf16), Value()});
  RowwiseOp made = moveToRowResults(op, results);
  for (auto [i, result] : llvm::enumerate(which))
    twins[made->getResult(result)] = made->getResult(rows + i);
  op.erase();
}

/// `value` as bf16; views are repeated on the copies of what they show.
Value EntryTypes::twinOf(Value value) {
  if (typeOf(value).getElementType() == bf16)
    return value;
  if (Value known = twins.lookup(value))
    return known;
  Operation *op = value.getDefiningOp();
  Value twin;
  if (isView(op)) {
    SmallVector<Value> sources = llvm::map_to_vector(
        op->getOperands(), [&](Value source) { return twinOf(source); });
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointAfter(op);
    Operation *copy = builder.clone(*op);
    copy->setOperands(sources);
    copy->removeDiscardableAttr("mixln.names");
    twin = copy->getResult(0);
    setElementType(twin, bf16);
  } else {
    twin = storeAgain(value, bf16);
  }
  return twins[value] = twin;
}

/// Weights are narrowed where they are packed.
bool EntryTypes::isWeight(Value value) {
  auto load = value.getDefiningOp<LoadOp>();
  return load && SymbolTable::lookupNearestSymbolFrom<VariableOp>(
                     entry, load.getVariableAttr())
                         .getRole() == Role::Parameter;
}

void EntryTypes::addTwins() {
  // What each wide operand shows.
  auto rootsOf = [](Value value) {
    SmallVector<Value> todo = {value}, roots;
    while (!todo.empty()) {
      Value next = todo.pop_back_val();
      Operation *op = next.getDefiningOp();
      if (isView(op))
        llvm::append_range(todo, op->getOperands());
      else
        roots.push_back(next);
    }
    return roots;
  };
  SmallVector<OpOperand *> wanting;
  llvm::MapVector<Operation *, SmallVector<unsigned>> rowTwins;
  for (Operation &op : entry.getBody().front())
    for (OpOperand *operand : narrowOperands(&op)) {
      if (typeOf(operand->get()).getElementType() == bf16)
        continue;
      SmallVector<Value> roots = rootsOf(operand->get());
      if (llvm::any_of(roots, [&](Value root) { return isWeight(root); }))
        continue;
      wanting.push_back(operand);
      for (Value root : roots)
        if (auto result = cast<OpResult>(root);
            isa<RowwiseOp>(result.getOwner())) {
          SmallVector<unsigned> &which = rowTwins[result.getOwner()];
          if (!llvm::is_contained(which, result.getResultNumber()))
            which.push_back(result.getResultNumber());
        }
    }
  for (auto &[op, which] : rowTwins)
    addRowTwins(cast<RowwiseOp>(op), which);
  for (OpOperand *operand : wanting)
    operand->set(twinOf(operand->get()));
}

/// Kernels that add to f32 alone get what a bf16 variable holds, and give it
/// back, through row programs.
void EntryTypes::castUnsupported() {
  Type f32 = builder.getF32Type();
  auto widenInto = [&](OpOperand &into) {
    if (typeOf(into.get()).getElementType() == bf16)
      into.set(storeAgain(into.get(), f32));
  };
  for (Operation &op : llvm::make_early_inc_range(entry.getBody().front())) {
    auto grad = dyn_cast<EmbeddingGradOp>(op);
    auto matmul = dyn_cast<MatmulOp>(op);
    if (!grad &&
        !(matmul && matmul.getTransposeLhs() && !matmul.getInto().empty()))
      continue;
    for (OpOperand &into :
         grad ? grad.getIntoMutable() : matmul.getIntoMutable())
      widenInto(into);
    for (Value result : op.getResults()) {
      if (typeOf(result).getElementType() != bf16)
        continue;
      setElementType(result, f32);
      Value narrow = storeAgain(result, bf16);
      result.replaceAllUsesExcept(narrow, narrow.getDefiningOp());
    }
  }
}

void EntryTypes::run() {
  setTypes();
  addTwins();
  castUnsupported();
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

namespace {
struct Types : mixln::impl::MixlnTypesBase<Types> {
  using MixlnTypesBase::MixlnTypesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto dtype = module->getAttrOfType<StringAttr>("mixln.dtype");
    if (!dtype || dtype == "fp32")
      return;
    if (dtype != "bf16" && dtype != "bf16_pure") {
      module.emitError() << "mixln.dtype is " << dtype
                         << ", expected \"fp32\", \"bf16\" or \"bf16_pure\"";
      return signalPassFailure();
    }
    if (streams != "f32" && streams != "bf16") {
      module.emitError() << "streams is \"" << streams.getValue()
                         << "\", expected \"f32\" or \"bf16\"";
      return signalPassFailure();
    }
    for (auto variable : module.getOps<VariableOp>())
      if (dtype == "bf16_pure" || variable.getRole() == Role::Cache)
        narrowVariable(variable);
    for (auto entry : module.getOps<EntryOp>())
      EntryTypes(entry, streams == "f32").run();
  }

  void narrowVariable(VariableOp variable) {
    Role role = variable.getRole();
    auto type = cast<RankedTensorType>(variable.getType());
    if ((role == Role::Parameter || role == Role::Gradient ||
         role == Role::Moment || role == Role::Cache) &&
        type.getElementType().isF32())
      variable.setType(type.clone(BFloat16Type::get(&getContext())));
  }
};
} // namespace
