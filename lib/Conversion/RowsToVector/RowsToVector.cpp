//===- RowsToVector.cpp - CPU kernels of row programs ---------------------===//

#include "mixln/Conversion/RowsToVector.h"
#include "RowEmitter.h"

#include "mlir/IR/AsmState.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixln;

LogicalResult mixln::emitRowKernel(RowwiseOp op, StringRef symbol,
                                   KernelBuilder &builder,
                                   SmallVectorImpl<std::string> &phases) {
  FailureOr<RowStages> stages = RowStages::create(op);
  if (failed(stages))
    return failure();
  RowEmitter emitter(op, *stages, builder);
  emitter.emitRows(symbol);
  phases.push_back(symbol.str());
  if (op.getSumResults().empty())
    return success();
  phases.push_back(symbol.str() + "_sums");
  emitter.emitSums(phases.back());
  return success();
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// Nanoseconds that one vector instruction on one element, and one byte of
/// traffic, take a core; rough, for the number of tasks only.
static constexpr double kInstructionTime = 0.02;
static constexpr double kByteTime = 0.05;
/// A task shorter than this (in nanoseconds) costs more to hand out than it
/// gains.
static constexpr double kTaskTime = 10000;
static constexpr int64_t kMaxTasks = 64;
/// Rows of a task with sums, at least: its partial sums cost as much as a row.
/// No other number counts there, so that a sum is the same bits in whatever
/// program it stands.
static constexpr int64_t kSumRows = 16;

static int64_t bytesOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * tensor.getElementTypeBitWidth() / 8;
}

Launch mixln::getRowLaunch(RowwiseOp op, int64_t lanes) {
  Launch launch;
  FailureOr<RowStages> stages = RowStages::create(op);
  if (failed(stages))
    return launch;
  int64_t rows = op.getDomain()[0], points = 1;
  for (int64_t extent : op.getDomain())
    points *= extent;
  int64_t bytes = 0;
  for (Type type : llvm::concat<const Type>(op.getRows().getTypes(),
                                            op.getRowResults().getTypes()))
    bytes += bytesOf(type);
  double instructions = 0;
  for (const RowLoop &loop : stages->getLoops())
    instructions += static_cast<double>(points * loop.width * loop.cost);
  double time = static_cast<double>(bytes) * kByteTime +
                instructions * kInstructionTime +
                static_cast<double>(points) * 10;

  RowSlot slot(op);
  int64_t tasks = std::min<int64_t>(kMaxTasks, time / kTaskTime);
  RowLayouts layouts(op, RowBuffers(*stages), lanes);
  int64_t unit = std::max<int64_t>(layouts.unit, 2);
  tasks = std::min(tasks, (rows + unit - 1) / unit);
  if (slot.elements > 0)
    tasks = std::min(kMaxTasks, rows / kSumRows);
  // A power of two divides most numbers of threads well.
  tasks = llvm::bit_floor<uint64_t>(std::max<int64_t>(tasks, 1));

  launch.tasks.push_back(tasks);
  launch.sizes = {rows, tasks};
  launch.scratchBytes = layouts.elements * 4;
  if (slot.elements > 0) {
    launch.workspaceBytes = tasks * slot.elements * 4;
    double sumTime = static_cast<double>(launch.workspaceBytes) * kByteTime;
    launch.tasks.push_back(
        std::clamp<int64_t>(sumTime / kTaskTime, 1, kMaxTasks));
  }
  return launch;
}

//===----------------------------------------------------------------------===//
// Identity
//===----------------------------------------------------------------------===//

/// The first extent of a tensor counts rows (or is only a bound), unless the
/// tensor has no other.
static void printTypes(raw_ostream &os, TypeRange types, bool dropRows) {
  for (Type type : types) {
    auto tensor = cast<RankedTensorType>(type);
    for (int64_t extent : tensor.getShape().drop_front(dropRows ? 1 : 0))
      os << extent << "x";
    os << tensor.getElementType() << ",";
    if (tensor.getEncoding())
      os << tensor.getEncoding() << ",";
  }
  os << ";";
}

std::string mixln::getRowKey(RowwiseOp op) {
  std::string key;
  llvm::raw_string_ostream os(key);
  llvm::interleave(op.getDomain().drop_front(), os, "x");
  os << ";";
  for (auto [i, type] : llvm::enumerate(op.getRows().getTypes())) {
    // A row that all points read keeps its length: its map has no results.
    AffineMap map = op.getRowMap(i);
    os << map;
    printTypes(os, type, map.getNumResults() > 0);
  }
  printTypes(os, op.getShared().getTypes(), false);
  llvm::interleave(op.getIntoSums(), os, ",");
  os << ";" << op.getValues().size() << ";";
  printTypes(os, op.getRowResults().getTypes(), true);
  for (auto [i, type] : llvm::enumerate(op.getSumResults().getTypes())) {
    os << op.getSumMap(i);
    printTypes(os, type, false);
  }
  OpPrintingFlags flags;
  flags.useLocalScope();
  AsmState state(op, flags);
  for (Operation &inner : op.getBodyBlock()->getOperations()) {
    inner.print(os, state);
    os << "\n";
  }
  return key;
}

//===----------------------------------------------------------------------===//
// In place
//===----------------------------------------------------------------------===//

bool mixln::canRowWriteInPlace(RowwiseOp op, unsigned operand,
                               unsigned result) {
  unsigned rows = op.getRows().size(), shared = op.getShared().size();
  unsigned rowResults = op.getRowResults().size();
  Value memory = op->getOperand(operand);
  if (result >= rowResults) {
    // A sum is written once, after its initial value was read.
    if (operand < rows + shared)
      return false;
    unsigned into = operand - rows - shared;
    return op.getIntoSums()[into] == result - rowResults &&
           llvm::count(op->getOperands(), memory) == 1;
  }
  if (operand >= rows)
    return false;
  if (memory.getType() != op->getResult(result).getType() ||
      llvm::is_contained(op.getShared(), memory) ||
      llvm::is_contained(op.getInto(), memory))
    return false;
  FailureOr<RowStages> stages = RowStages::create(op);
  if (failed(stages))
    return false;
  // The same tensor may be read twice.
  for (unsigned i = 0; i < rows; ++i)
    if (op.getRows()[i] == memory && (!op.getRowMap(i).isIdentity() ||
                                      !stages->isReadBeforeWrite(i, result)))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

bool mixln::canRowWriteLayout(RowwiseOp op, unsigned result,
                              RankedTensorType type) {
  auto plain = cast<RankedTensorType>(op.getRowResults()[result].getType());
  if (op.getDomain().size() != 1 || plain.getRank() != 2 ||
      plain.getEncoding() || !type.getElementType().isBF16())
    return false;
  // The rows of a task, and with them the bits of a sum, would change.
  auto packed = dyn_cast<PackedAttr>(type.getEncoding());
  return !packed || !packed.getTransposed() || op.getSumResults().empty();
}
