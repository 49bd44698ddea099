//===- RowTeams.cpp - Which threads share a row ---------------------------===//
//
// The number of threads follows from the row's length alone, and so does the
// order in which a row is added up: joining and splitting row programs change
// no bit. Only whether a row is held in registers depends on the program. (Odd
// rows in bf16 are the exception: where all of them are padded, they are read
// 16 bytes at once.)
//
//===----------------------------------------------------------------------===//

#include "RowTeams.h"

#include "mixln/IR/PaddedRows.h"

#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mixln;

namespace {
struct TeamRow {
  int64_t chunks;  ///< rows of at most so many chunks
  int64_t threads; ///< are shared by so many threads
};
} // namespace

/// Two chunks a thread hide the latency of memory and keep registers free for
/// programs with many rows; a block of 1024 is the most there is.
static constexpr TeamRow table[] = {
    {1, 1},   {2, 2},    {4, 4},     {8, 8},     {16, 16},
    {64, 32}, {128, 64}, {256, 128}, {512, 256}, {1024, 512},
};
static constexpr int64_t kLongestTeam = 1024;

/// Rows of short teams in one block.
static constexpr int64_t kBlock = 128;

/// Registers that a program may plan with, by threads of a block. What one
/// thread may have is 65536 / threads, at most 255; addresses and numbers of a
/// row need some of them.
static int64_t plannedRegisters(int64_t block) {
  return block <= 256 ? 112 : block <= 512 ? 80 : 36;
}

/// Slots of partial sums, and rows of one: a slot costs as much memory as a
/// row.
static constexpr int64_t kMostSlots = 1024, kSlotRows = 8;

/// Widths of padded rows, if no row of the same width is without pads.
static SmallVector<int64_t> findPaddedWidths(RowwiseOp op) {
  llvm::SmallSetVector<int64_t, 2> padded, plain;
  auto add = [&](Type tensor, Type row) {
    if (auto vector = dyn_cast<VectorType>(row))
      (hasPaddedRows(cast<RankedTensorType>(tensor)) ? padded : plain)
          .insert(vector.getDimSize(0));
  };
  // Sums have a slot with pads in the workspace, but not for each head.
  if (op.getDomain().size() > 1)
    return {};
  for (auto [i, operand] : llvm::enumerate(op.getRows()))
    add(operand.getType(), op.getRowArgument(i).getType());
  for (auto [i, operand] : llvm::enumerate(op.getShared()))
    add(operand.getType(), op.getSharedArgument(i).getType());
  for (auto [result, row] :
       llvm::zip(op.getRowResults(), op.getYield().getRows()))
    add(result.getType(), row.getType());
  padded.set_subtract(plain);
  return llvm::to_vector(padded);
}

int64_t RowTeams::chunkOf(int64_t width) const {
  if (llvm::is_contained(paddedWidths, width))
    return kPaddedMultiple;
  return width % 8 == 0 ? 8 : width % 4 == 0 ? 4 : width % 2 == 0 ? 2 : 1;
}

static bool isRow(Type type) { return isa<VectorType>(type); }

GpuRowSlot::GpuRowSlot(RowwiseOp op) {
  for (Type type : op.getSumResults().getTypes()) {
    offsets.push_back(elements);
    counts.push_back(cast<RankedTensorType>(type).getNumElements());
    elements += llvm::alignTo(counts.back(), 32);
  }
}

/// 32-bit registers that rows take, by column: the most over the stages.
static int64_t registersPerColumn(RowwiseOp op, const RowStages &stages) {
  // The first and the last stage at which each row is wanted.
  llvm::MapVector<Value, std::pair<unsigned, unsigned>> life;
  auto touch = [&](Value row, unsigned stage) {
    if (!isRow(row.getType()) ||
        !cast<VectorType>(row.getType()).getElementType().isF32())
      return;
    auto [it, isNew] = life.insert({row, {stage, stage}});
    it->second.second = std::max(it->second.second, stage);
  };
  int64_t most = 1;
  for (const RowLoop &loop : stages.getLoops()) {
    for (auto &[value, source] : loop.loads)
      touch(value, loop.stage);
    for (Operation *inner : loop.compute)
      for (Value operand : inner->getOperands())
        if (Operation *def = operand.getDefiningOp();
            !def || !isa<vector::BroadcastOp, arith::ConstantOp>(def))
          touch(operand, loop.stage);
    for (vector::ReductionOp reduction : loop.reductions)
      touch(reduction.getVector(), loop.stage);
  }
  for (unsigned stage = 0; stage < stages.getNumStages(); ++stage) {
    // What comes from an earlier stage or goes to a later one, and all loads,
    // which are done first.
    int64_t held = 0;
    for (auto &[row, of] : life)
      held += of.first <= stage && stage <= of.second && of.first < of.second;
    for (const RowLoop &loop : stages.getLoops())
      if (loop.stage == stage)
        for (auto &[row, source] : loop.loads) {
          auto of = life.lookup(row);
          held += of.first == of.second;
        }
    most = std::max(most, held);
  }
  int64_t sums = 0;
  for (Value sum : op.getYield().getSums())
    sums += isRow(sum.getType());
  return most + sums;
}

RowTeams::RowTeams(RowwiseOp op, const RowStages &stages) {
  paddedWidths = findPaddedWidths(op);
  int64_t chunks = 1;
  for (const RowLoop &loop : stages.getLoops()) {
    chunks = std::max(chunks,
                      llvm::divideCeilSigned(loop.width, chunkOf(loop.width)));
    reductions += loop.reductions.size();
  }
  team = kLongestTeam;
  for (const TeamRow &row : llvm::reverse(table))
    if (chunks <= row.chunks)
      team = row.threads;
  block = std::max(team, kBlock);
  teams = block / team;

  int64_t columns = 0;
  for (const RowLoop &loop : stages.getLoops()) {
    RowColumns of = columnsOf(loop.width);
    columns = std::max(columns, of.chunk * of.turns);
  }
  held = registersPerColumn(op, stages) * columns <= plannedRegisters(block);
  for (Type type : llvm::concat<const Type>(op.getRows().getTypes(),
                                            op.getRowResults().getTypes()))
    approximate |= cast<RankedTensorType>(type).getElementType().isBF16();
}

RowColumns RowTeams::columnsOf(int64_t width) const {
  RowColumns columns;
  columns.width = width;
  columns.chunk = chunkOf(width);
  columns.turns = llvm::divideCeilSigned(
      llvm::divideCeilSigned(width, columns.chunk), team);
  return columns;
}

int64_t RowTeams::pointsOf(RowwiseOp op) {
  int64_t points = 1;
  for (int64_t extent : op.getDomain())
    points *= extent;
  return points;
}

int64_t RowTeams::slotsOf(RowwiseOp op) const {
  int64_t rows = op.getDomain()[0];
  int64_t slots = std::clamp<int64_t>(rows / kSlotRows, 1, kMostSlots);
  return llvm::alignTo(slots, teams);
}
