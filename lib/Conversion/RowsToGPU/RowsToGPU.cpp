//===- RowsToGPU.cpp - GPU kernels of row programs ------------------------===//

#include "mixln/Conversion/RowsToGPU.h"
#include "RowGpuEmitter.h"
#include "mixln/Conversion/RowsToVector.h"

using namespace mlir;
using namespace mixln;

/// Arithmetic is free beside memory: rows are computed again, never kept in
/// memory, and results are only written, as the dispatch says.
static FailureOr<RowStages> stagesOf(RowwiseOp op) {
  RowStageOptions options;
  options.recomputeCost = std::numeric_limits<int64_t>::max() / 2;
  options.readsResults = false;
  return RowStages::create(op, options);
}

LogicalResult mixln::emitGpuRowKernel(RowwiseOp op, StringRef symbol,
                                      GpuBuilder &builder,
                                      SmallVectorImpl<std::string> &phases) {
  FailureOr<RowStages> stages = stagesOf(op);
  if (failed(stages))
    return failure();
  RowGpuEmitter emitter(op, *stages, builder);
  emitter.emitRows(symbol);
  phases.push_back(symbol.str());
  if (op.getSumResults().empty())
    return success();
  phases.push_back(symbol.str() + "_sums");
  emitter.emitSums(phases.back());
  return success();
}

void mixln::emitGpuElements(GpuBuilder &builder, RowwiseOp op, int64_t chunk,
                            Value column, function_ref<Value(unsigned)> load,
                            function_ref<void(unsigned, Value)> store) {
  FailureOr<RowStages> stages = stagesOf(op);
  assert(succeeded(stages) && "isGpuElementwise holds");
  RowGpuEmitter(op, *stages, builder).emitElements(chunk, column, load, store);
}

Launch mixln::getGpuRowLaunch(RowwiseOp op) {
  Launch launch;
  FailureOr<RowStages> stages = stagesOf(op);
  if (failed(stages))
    return launch;
  RowTeams teams(op, *stages);
  int64_t rows = op.getDomain()[0];
  launch.shapes.push_back({teams.block, teams.sharedBytes()});
  GpuRowSlot slot(op);
  if (slot.elements == 0) {
    launch.tasks = {
        llvm::divideCeilSigned(RowTeams::pointsOf(op), teams.teams)};
    launch.sizes = {rows, 0, 1};
    return launch;
  }
  int64_t slots = teams.slotsOf(op), blocks = 0;
  for (int64_t count : slot.counts)
    blocks += llvm::divideCeilSigned(count, 32);
  launch.tasks = {slots / teams.teams, blocks};
  launch.sizes = {rows, slots, 1};
  launch.workspaceBytes = slots * slot.elements * 4;
  launch.shapes.push_back(
      {RowGpuEmitter::sumThreads(), RowGpuEmitter::sumThreads() * 4});
  return launch;
}

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

bool mixln::mayOverlap(RowwiseOp op, const RowStages &stages, unsigned operand,
                       unsigned result) {
  unsigned rows = op.getRows().size(), shared = op.getShared().size();
  unsigned rowResults = op.getRowResults().size();
  if (result >= rowResults)
    return operand >= rows + shared &&
           op.getIntoSums()[operand - rows - shared] == result - rowResults;
  if (operand >= rows)
    return false;
  auto from = cast<RankedTensorType>(op.getRows()[operand].getType());
  auto to = cast<RankedTensorType>(op->getResult(result).getType());
  // The first extent of both may be another in another operation.
  return isa<VectorType>(op.getRowArgument(operand).getType()) &&
         isa<VectorType>(op.getYield().getRows()[result].getType()) &&
         from.getElementType() == to.getElementType() &&
         from.getEncoding() == to.getEncoding() &&
         from.getShape().drop_front() == to.getShape().drop_front() &&
         op.getRowMap(operand).isIdentity() &&
         stages.isReadBeforeWrite(operand, result);
}

bool mixln::canGpuRowWriteInPlace(RowwiseOp op, unsigned operand,
                                  unsigned result) {
  FailureOr<RowStages> stages = stagesOf(op);
  return succeeded(stages) && canRowWriteInPlace(op, operand, result) &&
         mayOverlap(op, *stages, operand, result);
}
