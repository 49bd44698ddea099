//===- RowStages.cpp - Where a row program splits at its reductions -------===//

#include "mixln/Analysis/RowStages.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

static bool isRow(Value value) { return isa<VectorType>(value.getType()); }

static int64_t getWidth(Value row) {
  return cast<VectorType>(row.getType()).getDimSize(0);
}

int64_t mixln::getRowOpCost(Operation *op) {
  return TypeSwitch<Operation *, int64_t>(op)
      .Case<arith::ConstantOp, vector::BroadcastOp, StopGradientOp,
            arith::IndexCastOp>([](auto) { return 0; })
      .Case<arith::DivFOp>([](auto divide) {
        // By a number: a multiplication by its inverse.
        return divide.getRhs().template getDefiningOp<vector::BroadcastOp>()
                   ? 1
                   : 8;
      })
      .Case<math::SqrtOp>([](auto) { return 8; })
      .Case<math::RsqrtOp>([](auto) { return 16; })
      .Case<arith::MaximumFOp, arith::MinimumFOp>([](auto) { return 3; })
      .Case<math::ExpOp, math::Exp2Op, math::TanhOp, math::LogOp, math::ErfOp>(
          [](auto) { return 24; })
      .Case<math::PowFOp>([](auto) { return 60; })
      .Default([](Operation *) { return 1; });
}

static bool isAllowed(Operation *op) {
  return isa<arith::ConstantOp, arith::AddFOp, arith::SubFOp, arith::MulFOp,
             arith::DivFOp, arith::NegFOp, arith::MaximumFOp, arith::MinimumFOp,
             arith::CmpFOp, arith::CmpIOp, arith::SelectOp, arith::IndexCastOp,
             arith::SIToFPOp, arith::UIToFPOp, arith::AndIOp, arith::OrIOp,
             arith::XOrIOp, arith::ExtFOp, arith::TruncFOp, math::SqrtOp,
             math::RsqrtOp, math::ExpOp, math::Exp2Op, math::LogOp,
             math::TanhOp, math::ErfOp, math::AbsFOp, math::PowFOp,
             math::CopySignOp, math::FmaOp, vector::BroadcastOp,
             vector::ReductionOp, vector::StepOp, StopGradientOp>(op);
}

//===----------------------------------------------------------------------===//
// The builder
//===----------------------------------------------------------------------===//

namespace mixln {
class RowStageBuilder {
public:
  RowStageBuilder(RowwiseOp op, RowStageOptions options, RowStages &stages)
      : op(op), options(options), stages(stages) {}

  LogicalResult build();

private:
  LogicalResult check();
  void findLive();
  void findLevels();
  void findDemands();
  void planStage(unsigned stage);
  void need(Value row, unsigned stage);
  void computeHere(Operation *op, unsigned stage);
  std::optional<RowSource> findInMemory(Value row, unsigned stage);
  int64_t recomputeCost(Value row, unsigned stage,
                        llvm::SmallDenseSet<Value> &seen);
  RowLoop &loopFor(unsigned stage, int64_t width);

  RowwiseOp op;
  RowStageOptions options;
  RowStages &stages;

  /// The first stage at which a row can be computed, or before whose loops a
  /// number is known.
  DenseMap<Value, unsigned> level;
  /// Rows each stage must have: what it reduces, stores or adds up.
  SmallVector<SmallVector<Value>> demands;
  /// The first stage that computes a row.
  DenseMap<Value, unsigned> computedAt;
  /// Rows in memory that are not arguments, with the stage that stores them.
  DenseMap<Value, std::pair<RowSource, unsigned>> stored;
  /// In the order in which they were asked for.
  SmallVector<std::unique_ptr<RowLoop>> loops;
  DenseSet<std::pair<Operation *, unsigned>> placed;
};
} // namespace mixln

LogicalResult RowStageBuilder::check() {
  for (Operation &inner : op.getBodyBlock()->without_terminator()) {
    if (!isAllowed(&inner))
      return inner.emitOpError("is not an operation of row programs");
    for (Type type : inner.getResultTypes())
      if (auto vector = dyn_cast<VectorType>(type))
        if (vector.getRank() != 1 || vector.isScalable())
          return inner.emitOpError() << "has type " << type
                                     << ", expected a vector of one dimension";
    if (auto reduction = dyn_cast<vector::ReductionOp>(inner))
      if (!reduction.getDest().getType().isF32())
        return inner.emitOpError()
               << "reduces to " << reduction.getDest().getType()
               << ", expected f32";
    if (auto broadcast = dyn_cast<vector::BroadcastOp>(inner))
      if (isRow(broadcast.getSource()))
        return inner.emitOpError("broadcasts a row, expected a number");
    if (auto constant = dyn_cast<arith::ConstantOp>(inner))
      if (auto dense = dyn_cast<DenseElementsAttr>(constant.getValue()))
        if (!dense.isSplat())
          return inner.emitOpError("is not the same in every column");
  }
  return success();
}

void RowStageBuilder::findLive() {
  SmallVector<Value> work(op.getYield()->getOperands());
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (!stages.live.insert(value).second)
      continue;
    if (Operation *def = value.getDefiningOp())
      llvm::append_range(work, def->getOperands());
  }
}

void RowStageBuilder::findLevels() {
  unsigned last = 0;
  bool anyRow = false;
  for (Value argument : op.getBodyBlock()->getArguments())
    level[argument] = 0;
  for (Operation &inner : op.getBodyBlock()->without_terminator()) {
    unsigned at = 0;
    for (Value operand : inner.getOperands())
      at = std::max(at, level[operand]);
    if (isa<vector::ReductionOp>(inner))
      ++at;
    for (Value result : inner.getResults()) {
      level[result] = at;
      if (!stages.isLive(result))
        continue;
      if (isRow(result))
        last = std::max(last, at);
      else if (isa<vector::ReductionOp>(inner))
        last = std::max(last, at - 1);
      anyRow |= isRow(result) || isa<vector::ReductionOp>(inner);
    }
  }
  for (Value yielded : op.getYield()->getOperands())
    anyRow |= isRow(yielded);
  stages.numStages = anyRow ? last + 1 : 0;
}

void RowStageBuilder::findDemands() {
  demands.resize(stages.numStages);
  stages.numbers.resize(stages.numStages + 1);
  for (Operation &inner : op.getBodyBlock()->without_terminator()) {
    if (inner.getNumResults() != 1 || !stages.isLive(inner.getResult(0)))
      continue;
    if (auto reduction = dyn_cast<vector::ReductionOp>(inner)) {
      unsigned stage = level[reduction.getDest()] - 1;
      demands[stage].push_back(reduction.getVector());
      loopFor(stage, getWidth(reduction.getVector()))
          .reductions.push_back(reduction);
    } else if (!isRow(inner.getResult(0))) {
      stages.numbers[level[inner.getResult(0)]].push_back(&inner);
    }
  }
  YieldOp yield = op.getYield();
  for (auto [i, row] : llvm::enumerate(yield.getRows()))
    if (isRow(row)) {
      demands[level[row]].push_back(row);
      loopFor(level[row], getWidth(row)).results.push_back(i);
    }
  for (auto [i, row] : llvm::enumerate(yield.getSums()))
    if (isRow(row)) {
      demands[level[row]].push_back(row);
      loopFor(level[row], getWidth(row)).sums.push_back(i);
    }
}

RowLoop &RowStageBuilder::loopFor(unsigned stage, int64_t width) {
  for (auto &loop : loops)
    if (loop->stage == stage && loop->width == width)
      return *loop;
  auto loop = std::make_unique<RowLoop>();
  loop->stage = stage;
  loop->width = width;
  loops.push_back(std::move(loop));
  return *loops.back();
}

std::optional<RowSource> RowStageBuilder::findInMemory(Value row,
                                                       unsigned stage) {
  if (auto argument = dyn_cast<BlockArgument>(row)) {
    unsigned index = argument.getArgNumber();
    if (index < op.getRows().size())
      return RowSource{RowSource::Operand, index};
    return RowSource{RowSource::Shared,
                     static_cast<unsigned>(index - op.getRows().size())};
  }
  auto at = stored.find(row);
  if (at != stored.end() && at->second.second < stage)
    return at->second.first;
  return std::nullopt;
}

int64_t RowStageBuilder::recomputeCost(Value row, unsigned stage,
                                       llvm::SmallDenseSet<Value> &seen) {
  if (!isRow(row) || !seen.insert(row).second)
    return 0;
  if (findInMemory(row, stage))
    return 1;
  Operation *def = row.getDefiningOp();
  int64_t cost = getRowOpCost(def);
  for (Value operand : def->getOperands()) {
    cost += recomputeCost(operand, stage, seen);
    if (cost > options.recomputeCost)
      break;
  }
  return cost;
}

void RowStageBuilder::need(Value row, unsigned stage) {
  if (!isRow(row))
    return;
  RowLoop &loop = loopFor(stage, getWidth(row));
  if (auto source = findInMemory(row, stage)) {
    loop.loads.insert({row, *source});
    return;
  }
  auto before = computedAt.find(row);
  if (before == computedAt.end() || before->second == stage) {
    computeHere(row.getDefiningOp(), stage);
    return;
  }
  // Only rows of numbers are kept; rows of conditions and columns are cheap.
  llvm::SmallDenseSet<Value> seen;
  if (!cast<VectorType>(row.getType()).getElementType().isF32() ||
      recomputeCost(row, stage, seen) <= options.recomputeCost) {
    computeHere(row.getDefiningOp(), stage);
    return;
  }
  // Too dear to compute twice: the stage that has it keeps it.
  unsigned index = stages.buffers.size();
  RowSource source{RowSource::Buffer, index};
  stages.buffers.push_back(row);
  loopFor(before->second, getWidth(row)).buffers.push_back(index);
  stored[row] = {source, before->second};
  loop.loads.insert({row, source});
}

void RowStageBuilder::computeHere(Operation *def, unsigned stage) {
  if (!placed.insert({def, stage}).second)
    return;
  for (Value operand : def->getOperands())
    need(operand, stage);
  RowLoop &loop = loopFor(stage, getWidth(def->getResult(0)));
  loop.compute.push_back(def);
  loop.cost += getRowOpCost(def);
  computedAt.try_emplace(def->getResult(0), stage);
}

void RowStageBuilder::planStage(unsigned stage) {
  for (Value row : demands[stage])
    need(row, stage);
  // From here on a row result is in memory. One kept narrower than it was
  // computed would change the numbers, and one stored over its own operand is
  // still itself, so only the type matters.
  YieldOp yield = op.getYield();
  for (auto [i, row] : llvm::enumerate(yield.getRows())) {
    auto type = cast<RankedTensorType>(op.getRowResults()[i].getType());
    if (options.readsResults && isRow(row) && level[row] == stage &&
        type.getElementType().isF32())
      stored.try_emplace(
          row, RowSource{RowSource::Result, static_cast<unsigned>(i)}, stage);
  }
}

LogicalResult RowStageBuilder::build() {
  if (failed(check()))
    return failure();
  stages.op = op;
  findLive();
  findLevels();
  findDemands();
  for (unsigned stage = 0; stage < stages.numStages; ++stage)
    planStage(stage);
  for (unsigned stage = 0; stage < stages.numStages; ++stage)
    for (auto &loop : loops) {
      if (loop->stage != stage)
        continue;
      loop->cost += loop->loads.size() + loop->results.size() +
                    loop->buffers.size() + 3 * loop->sums.size() +
                    loop->reductions.size();
      stages.loops.push_back(std::move(*loop));
    }
  return success();
}

FailureOr<RowStages> RowStages::create(RowwiseOp op, RowStageOptions options) {
  RowStages stages;
  if (failed(RowStageBuilder(op, options, stages).build()))
    return failure();
  return stages;
}

bool RowStages::isReadBeforeWrite(unsigned operand, unsigned result) const {
  std::optional<size_t> lastRead, write;
  for (auto [i, loop] : llvm::enumerate(loops)) {
    if (llvm::is_contained(loop.results, result))
      write = i;
    for (auto &[value, source] : loop.loads)
      if (source.kind == RowSource::Operand && source.index == operand)
        lastRead = i;
  }
  // Numbers are loaded before the first loop and stored after the last.
  return !lastRead || !write || *lastRead <= *write;
}
