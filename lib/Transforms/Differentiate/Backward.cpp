//===- Backward.cpp - The backward of an entry ----------------------------===//
//
// Reverse mode over the straight-line code of an entry. Each operation builds
// its own backward (DifferentiableOpInterface); this file carries cotangents
// from users to producers, adds them up where a value has several users, and
// stores what reaches the parameters as soon as it is complete.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Differentiate/Backward.h"
#include "mixln/IR/Sites.h"
#include "mixln/Interfaces/Differentiable.h"
#include "mixln/Transforms/Differentiate/Measurements.h"
#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"
#include "mixln/Transforms/Differentiate/TensorHelpers.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mixln;

namespace {

class Backward {
public:
  Backward(EntryOp entry, bool accumulate)
      : entry(entry), block(&entry.getBody().front()),
        module(entry->getParentOfType<ModuleOp>()), accumulate(accumulate),
        builder(OpBuilder::atBlockEnd(block)) {}

  LogicalResult run();

private:
  /// Finds the values that depend on parameters.
  LogicalResult findActive(ArrayRef<Operation *> forward);
  LogicalResult seed();
  LogicalResult visit(Operation *op);
  /// The cotangent of a result of `op`, from those of its uses.
  Value addUp(Operation *op, ArrayRef<Value> parts);
  /// Stores the gradient of `parameter`, to which `parts` add up.
  void storeGradient(VariableOp parameter, ArrayRef<Value> parts);
  /// Whether the operation that makes `part` can start from a tensor.
  bool canStart(Value part);
  void startFrom(Value part, Value start);
  /// Drops what nothing reads from the operations that are not in `forward`.
  void clean(const llvm::SmallPtrSetImpl<Operation *> &forward);

  EntryOp entry;
  Block *block;
  ModuleOp module;
  bool accumulate;
  OpBuilder builder;
  StoreOp lossStore;
  DenseSet<Value> active;
  DenseMap<Value, SmallVector<Value>> cotangents;
  DenseMap<Value, Value> totals; ///< of whole values, as far as measured
  llvm::StringMap<SmallVector<Value>> gradients;
  /// How often a value stands among the parts of all gradients.
  DenseMap<Value, unsigned> shares;
};

} // namespace

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

/// What is loaded only to see its gradient.
static bool isTap(LoadOp load) {
  return llvm::any_of(load->getUsers(),
                      [](Operation *user) { return isa<MeasureAtOp>(user); });
}

LogicalResult Backward::findActive(ArrayRef<Operation *> forward) {
  llvm::DenseMap<StringRef, StoreOp> stored;
  for (Operation *op : forward) {
    if (auto store = dyn_cast<StoreOp>(op);
        store && active.contains(store.getValue()))
      stored[store.getVariable()] = store;
    bool depends = false;
    if (auto load = dyn_cast<LoadOp>(op)) {
      if (auto before = stored.find(load.getVariable());
          before != stored.end() && !load->use_empty()) {
        InFlightDiagnostic diag = load.emitError()
                                  << "reads @" << load.getVariable()
                                  << ", through which no gradient flows";
        diag.attachNote(before->second.getLoc())
            << "what is stored here depends on parameters";
        return diag;
      }
      auto variable = module.lookupSymbol<VariableOp>(load.getVariable());
      depends =
          (variable && variable.getRole() == Role::Parameter) || isTap(load);
    }
    depends |= llvm::any_of(op->getOperands(), [&](Value operand) {
      return active.contains(operand);
    });
    if (depends)
      for (Value result : op->getResults())
        if (isFloat(result))
          active.insert(result);
  }
  return success();
}

LogicalResult Backward::seed() {
  for (StoreOp store : block->getOps<StoreOp>())
    if (store.getVariable() == "loss_sum")
      lossStore = store;
  if (!lossStore)
    return entry.emitError() << "forward of entry @" << entry.getSymName()
                             << " stores no @loss_sum";
  auto expected = RankedTensorType::get({1}, builder.getF32Type());
  Value loss = lossStore.getValue();
  if (loss.getType() != expected)
    return lossStore.emitError() << "@loss_sum has type " << loss.getType()
                                 << ", expected " << expected;
  if (active.contains(loss))
    cotangents[loss].push_back(
        LoadOp::create(builder, lossStore.getLoc(), expected, "loss_scale"));
  // A second term of what is minimised; no part of the loss that is reported.
  for (StoreOp store : block->getOps<StoreOp>())
    if (store.getVariable() == "z_loss_sum" &&
        active.contains(store.getValue()) &&
        module.lookupSymbol<VariableOp>("z_loss_scale"))
      cotangents[store.getValue()].push_back(
          LoadOp::create(builder, store.getLoc(), expected, "z_loss_scale"));
  return success();
}

Value Backward::addUp(Operation *op, ArrayRef<Value> parts) {
  std::string site = getSite(op).str();
  if (!site.empty())
    site += ".cotangent";
  return buildSum(builder, op->getLoc(), parts, site, getLayer(op));
}

LogicalResult Backward::visit(Operation *op) {
  SmallVector<Value> ofResults;
  bool reached = false;
  for (Value result : op->getResults()) {
    auto found = cotangents.find(result);
    bool has = found != cotangents.end() && !found->second.empty();
    reached |= has;
    if (auto load = dyn_cast<LoadOp>(op)) {
      if (has && isTap(load))
        totals[result] = addUp(op, found->second);
      else if (has)
        gradients[load.getVariable()].append(found->second);
      return success();
    }
    ofResults.push_back(has ? addUp(op, found->second) : Value());
    totals[result] = ofResults.back();
  }
  if (!reached)
    return success();

  auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
  if (!differentiable) {
    InFlightDiagnostic diag = op->emitError() << "operation '" << op->getName()
                                              << "' has no derivative";
    diag.attachNote(lossStore.getLoc())
        << "the loss stored here depends on parameters through it";
    return diag;
  }
  for (OpOperand &operand : op->getOpOperands())
    if (active.contains(operand.get()) &&
        !differentiable.isDifferentiable(operand.getOperandNumber())) {
      InFlightDiagnostic diag =
          op->emitError() << "operand " << operand.getOperandNumber() << " of '"
                          << op->getName()
                          << "' has no derivative, but depends on parameters";
      if (auto rowwise = dyn_cast<RowwiseOp>(op);
          rowwise && operand.getOperandNumber() < rowwise.getRows().size())
        diag.attachNote(op->getLoc())
            << "a gradient flows through the maps (r) -> (r), (r, h) -> (r, "
               "h), (r, h) -> (h) and () only, found "
            << rowwise.getRowMaps()[operand.getOperandNumber()];
      return diag;
    }

  SmallVector<Value> ofOperands;
  if (failed(differentiable.buildGradient(builder, ofResults, ofOperands)))
    return failure();
  for (auto [operand, grad] : llvm::zip_equal(op->getOperands(), ofOperands))
    if (grad && active.contains(operand))
      cotangents[operand].push_back(grad);
  return success();
}

bool Backward::canStart(Value part) {
  // A value that is also something else must stay what it is.
  if (shares.lookup(part) != 1 || !part.use_empty())
    return false;
  Operation *op = part.getDefiningOp();
  if (auto matmul = dyn_cast<MatmulOp>(op))
    return matmul.getInto().empty() && matmul->getNumResults() == 1;
  if (auto embedding = dyn_cast<EmbeddingGradOp>(op))
    return !embedding.getInto();
  if (auto rowwise = dyn_cast<RowwiseOp>(op)) {
    int64_t sum = cast<OpResult>(part).getResultNumber() -
                  static_cast<int64_t>(rowwise.getRowResults().size());
    return sum >= 0 && !llvm::is_contained(rowwise.getIntoSums(), sum);
  }
  return false;
}

void Backward::startFrom(Value part, Value start) {
  Operation *op = part.getDefiningOp();
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    matmul.getIntoMutable().assign(start);
  } else if (auto embedding = dyn_cast<EmbeddingGradOp>(op)) {
    embedding.getIntoMutable().assign(start);
  } else {
    auto rowwise = cast<RowwiseOp>(op);
    SmallVector<int64_t> sums(rowwise.getIntoSums());
    sums.push_back(cast<OpResult>(part).getResultNumber() -
                   static_cast<int64_t>(rowwise.getRowResults().size()));
    rowwise.getIntoMutable().append(start);
    rowwise.setIntoSums(sums);
  }
}

void Backward::storeGradient(VariableOp parameter, ArrayRef<Value> found) {
  Location loc = parameter.getLoc();
  std::string name = ("grad." + parameter.getSymName()).str();
  auto type =
      cast<RankedTensorType>(module.lookupSymbol<VariableOp>(name).getType());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(block);
  if (found.empty()) {
    if (!accumulate)
      StoreOp::create(builder, loc, buildZeros(builder, loc, type), name);
    return;
  }

  // Each part starts from the ones before it, the first from what is stored.
  // Where a parameter is loaded twice, its parts come load by load. No
  // operation starts from another result of its own.
  SmallVector<Value> parts(found);
  llvm::sort(parts, [](Value a, Value b) {
    Operation *x = a.getDefiningOp(), *y = b.getDefiningOp();
    return x == y ? cast<OpResult>(a).getResultNumber() <
                        cast<OpResult>(b).getResultNumber()
                  : x->isBeforeInBlock(y);
  });
  Value total;
  SmallVector<Value> rest;
  for (Value part : parts) {
    if (!canStart(part) ||
        (total && total.getDefiningOp() == part.getDefiningOp())) {
      rest.push_back(part);
      continue;
    }
    if (!total && accumulate) {
      builder.setInsertionPoint(part.getDefiningOp());
      total = LoadOp::create(builder, loc, type, name);
    }
    if (total)
      startFrom(part, total);
    total = part;
  }
  if (total)
    rest.insert(rest.begin(), total);
  Operation *last = nullptr;
  for (Value value : rest)
    if (!last || last->isBeforeInBlock(value.getDefiningOp()))
      last = value.getDefiningOp();
  builder.setInsertionPointAfter(last);
  if (!total && accumulate)
    rest.insert(rest.begin(), LoadOp::create(builder, loc, type, name));
  StoreOp::create(builder, loc, buildSum(builder, loc, rest, name), name);
}

void Backward::clean(const llvm::SmallPtrSetImpl<Operation *> &forward) {
  IRRewriter rewriter(builder);
  for (Operation *op = &block->back(); op;) {
    Operation *previous = op->getPrevNode();
    if (forward.contains(op)) {
      op = previous;
      continue;
    }
    if (isOpTriviallyDead(op)) {
      rewriter.eraseOp(op);
    } else if (auto rowwise = dyn_cast<RowwiseOp>(op)) {
      llvm::BitVector used(op->getNumResults());
      for (OpResult result : op->getResults())
        used[result.getResultNumber()] = !result.use_empty();
      if (!used.all())
        simplifyRowwise(rewriter, rowwise, used);
    }
    op = previous;
  }
}

LogicalResult Backward::run() {
  SmallVector<Operation *> forward;
  for (Operation &op : *block)
    forward.push_back(&op);
  if (failed(findActive(forward)) || failed(seed()))
    return failure();
  for (Operation *op : llvm::reverse(forward))
    if (failed(visit(op)))
      return failure();

  for (auto &entry : gradients)
    for (Value part : entry.second)
      ++shares[part];
  for (VariableOp parameter : module.getOps<VariableOp>())
    if (parameter.getRole() == Role::Parameter)
      storeGradient(parameter, gradients.lookup(parameter.getSymName()));
  // Measurements replace operations of the forward and move their stores.
  llvm::SmallPtrSet<Operation *, 32> kept;
  for (Operation *op : forward)
    if (!isa<MeasureAtOp>(op))
      kept.insert(op);
  if (failed(placeMeasurements(
          entry, [&](Value value) { return totals.lookup(value); })))
    return failure();
  clean(kept);
  return success();
}

LogicalResult mixln::appendBackward(EntryOp entry, bool accumulate) {
  return Backward(entry, accumulate).run();
}
