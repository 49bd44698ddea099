//===- RowPoints.cpp - The points of a GPU kernel -------------------------===//
//
// Phase 0 without sums: a point a team.
//
// Phase 0 with sums:
//
//   for head in heads
//     for row in my slot's rows           totals in registers
//       addresses, numbers; for each stage: numbers, columns
//     store the totals that this head keeps
//   store the other totals
//
// Phase 1: a warp's width of columns a block, each warp a share of the slots,
// then the warps in order.
//
// All threads of a warp make the same number of steps: what lies beyond the
// last point is computed from the last point, and neither counted nor stored.
//
//===----------------------------------------------------------------------===//

#include "RowGpuEmitter.h"

using namespace mlir;
using namespace mixln;

/// Warps of a block of phase 1.
static constexpr int64_t kSumWarps = 16;

int64_t RowGpuEmitter::sumThreads() { return kSumWarps * 32; }

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

GpuSignature RowGpuEmitter::signature(int64_t threads, bool isSums) {
  GpuSignature signature;
  unsigned operands = op->getNumOperands(), results = op->getNumResults();
  for (unsigned i = 0; i < operands; ++i) {
    bool writable = false;
    for (unsigned j = 0; j < results && !writable; ++j)
      writable = mayOverlap(op, stages, i, j);
    signature.readOnly.push_back(!writable);
  }
  signature.readOnly.append(results + (hasSums() ? 1 : 0), false);
  signature.sizes = 3;
  signature.values = op.getValues().size();
  signature.threads = threads;
  return signature;
}

void RowGpuEmitter::takeParameters(GpuBuilder::Parameters parameters) {
  addresses.take([&](unsigned i) { return parameters.pointers[i]; });
  one = parameters.sizes[2];
  thread = b.threadId();
}

//===----------------------------------------------------------------------===//
// One point
//===----------------------------------------------------------------------===//

Value RowGpuEmitter::loadNumber(Value ptr, Type element) {
  if (element.isInteger())
    return LLVM::LoadOp::create(b, element, ptr, 4);
  return b.loadNumbers(ptr, 1, element);
}

void RowGpuEmitter::emitPoint(Value row, Value head, Values &totals) {
  // What one point computed means nothing at the next.
  DenseMap<Value, Value> outer = numbers;
  rows.clear();
  reductionsDone = 0;
  currentHead = head;
  Values point = {row};
  if (head)
    point.push_back(head);
  addresses.moveTo(b, point, [&](BlockArgument number, Value at, Type element) {
    if (stages.isLive(number))
      numbers[number] = loadNumber(at, element);
  });
  addresses.resultsHere.clear();
  for (auto [base, result] : llvm::zip(addresses.results, op.getRowResults()))
    addresses.resultsHere.push_back(elementAddress(
        b, base, cast<RankedTensorType>(result.getType()), point));
  for (unsigned stage = 0; stage <= stages.getNumStages(); ++stage) {
    emitNumbers(stage);
    for (const RowLoop &loop : stages.getLoops())
      if (loop.stage == stage)
        emitLoop(loop, totals);
  }
  storeNumbers(totals);
  numbers = std::move(outer);
}

void RowGpuEmitter::storeNumbers(Values &totals) {
  YieldOp yield = op.getYield();
  Value first = teams.team > 1 ? b.equal(lane, b.constant(0)) : Value();
  bool any = llvm::any_of(yield.getRows(), [](Value row) {
    return !isa<VectorType>(row.getType());
  });
  if (any)
    b.ifThenAll(b.both(first, valid), [&] {
      for (auto [i, value] : llvm::enumerate(yield.getRows()))
        if (!isa<VectorType>(value.getType()))
          b.storeNumbers(numbers.lookup(value), addresses.resultsHere[i],
                         elementOf(op.getRowResults()[i]));
    });
  for (auto [i, value] : llvm::enumerate(yield.getSums())) {
    if (isRowSum(i))
      continue;
    Value number = numbers.lookup(value);
    if (valid)
      number = b.select(valid, number, b.constantF32(0));
    totals[totalOf[i]] = b.addF(totals[totalOf[i]], number);
  }
}

//===----------------------------------------------------------------------===//
// Points without sums
//===----------------------------------------------------------------------===//

void RowGpuEmitter::emitPoints(Value rowCount) {
  bool hasHeads = op.getDomain().size() > 1;
  int64_t heads = hasHeads ? op.getDomain()[1] : 1;
  Value points = b.mul(rowCount, heads);
  Value point = b.blockId();
  if (teams.teams > 1) {
    point = b.add(b.mul(point, teams.teams), team);
    valid = b.less(point, points);
    point = b.minimum(point, b.sub(points, b.constant(1)));
  }
  half = b.constant(0);
  Values none;
  if (hasHeads)
    emitPoint(b.divide(point, heads), b.remainder(point, heads), none);
  else
    emitPoint(point, Value(), none);
}

//===----------------------------------------------------------------------===//
// Points with sums
//===----------------------------------------------------------------------===//

Value RowGpuEmitter::partialSums(unsigned sum, Value head, Value column) {
  Value at = b.offset(partials, slot.offsets[sum]);
  if (keepsHead(sum)) {
    auto type = dyn_cast<VectorType>(op.getYield().getSums()[sum].getType());
    at = b.offset(at, b.mul(head, type ? type.getDimSize(0) : 1));
  }
  return column ? b.offset(at, column) : at;
}

SmallVector<Value> RowGpuEmitter::zeroTotals() {
  Values totals;
  totalOf.clear();
  for (unsigned i = 0; i < op.getSumResults().size(); ++i) {
    totalOf.push_back(totals.size());
    auto type = dyn_cast<VectorType>(op.getYield().getSums()[i].getType());
    if (!type) {
      totals.push_back(b.constantF32(0));
      continue;
    }
    if (!teams.held)
      continue;
    RowColumns columns = teams.columnsOf(type.getDimSize(0));
    for (int64_t turn = 0; turn < columns.turns; ++turn)
      totals.push_back(splat(b.constantF32(0), columns.chunk));
  }
  return totals;
}

void RowGpuEmitter::storeTotals(Value head, bool ofHead, const Values &totals) {
  for (unsigned i = 0; i < op.getSumResults().size(); ++i) {
    if (keepsHead(i) != ofHead)
      continue;
    auto type = dyn_cast<VectorType>(op.getYield().getSums()[i].getType());
    if (!type) {
      b.ifThen(b.equal(lane, b.constant(0)), [&] {
        b.storeF32(totals[totalOf[i]], partialSums(i, head, Value()));
      });
      continue;
    }
    if (!teams.held)
      continue;
    RowColumns columns = teams.columnsOf(type.getDimSize(0));
    for (int64_t turn = 0; turn < columns.turns; ++turn) {
      Place place = placeOf(columns, b.constant(turn));
      b.ifThenAll(place.inside, [&] {
        b.storeNumbers(totals[totalOf[i] + turn],
                       partialSums(i, head, place.column), b.getF32Type());
      });
    }
  }
}

/// Sums of rows that are kept in memory start from zero; each thread clears
/// the columns that are its own later.
void RowGpuEmitter::clearSlot() {
  if (teams.held)
    return;
  for (unsigned i = 0; i < op.getSumResults().size(); ++i) {
    auto type = dyn_cast<VectorType>(op.getYield().getSums()[i].getType());
    if (!type)
      continue;
    RowColumns columns = teams.columnsOf(type.getDimSize(0));
    int64_t heads = slot.counts[i] / type.getDimSize(0);
    b.loop(b.constant(0), b.constant(heads), 1, [&](Value head) {
      b.loop(b.constant(0), b.mul(one, columns.turns), 1, [&](Value turn) {
        Place place = placeOf(columns, turn);
        b.ifThenAll(place.inside, [&] {
          b.storeNumbers(splat(b.constantF32(0), columns.chunk),
                         partialSums(i, head, place.column), b.getF32Type());
        });
      });
    });
  }
}

void RowGpuEmitter::emitSlots(Value rowCount, Value slots) {
  Value number = b.add(b.mul(b.blockId(), teams.teams), team);
  partials = b.offset(addresses.workspace, b.mul(number, slot.elements));
  clearSlot();
  Value count = b.divide(b.sub(b.add(rowCount, slots), b.constant(1)), slots);
  Value first = b.mul(number, count);
  int64_t halfElements = teams.sharedBytes() / 8;

  auto emitRow = [&](Value i, Value head, Value step, ValueRange carried) {
    Values totals(carried);
    Value row = b.add(first, i);
    valid = b.less(row, rowCount);
    row = b.minimum(row, b.sub(rowCount, b.constant(1)));
    half = b.mul(b.bitAnd(step, b.constant(1)), halfElements);
    emitPoint(row, head, totals);
    return totals;
  };
  Values totals = zeroTotals();
  if (op.getDomain().size() == 1) {
    totals = b.loop(b.constant(0), count, 1, totals,
                    [&](Value i, ValueRange carried) {
                      return emitRow(i, Value(), i, carried);
                    });
  } else {
    totals =
        b.loop(b.constant(0), b.constant(op.getDomain()[1]), 1, totals,
               [&](Value head, ValueRange carried) {
                 // Those that each head keeps begin anew.
                 Values start = zeroTotals();
                 for (unsigned i = 0; i < op.getSumResults().size(); ++i)
                   if (!keepsHead(i))
                     for (size_t j = totalOf[i], end = i + 1 < totalOf.size()
                                                           ? totalOf[i + 1]
                                                           : start.size();
                          j < end; ++j)
                       start[j] = carried[j];
                 Values next = b.loop(b.constant(0), count, 1, start,
                                      [&](Value i, ValueRange inner) {
                                        Value step =
                                            b.add(b.mul(head, count), i);
                                        return emitRow(i, head, step, inner);
                                      });
                 storeTotals(head, /*ofHead=*/true, next);
                 return next;
               });
  }
  storeTotals(Value(), /*ofHead=*/false, totals);
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

void RowGpuEmitter::emitRows(StringRef symbol) {
  b.gpuFunction(
      symbol, signature(teams.block, false),
      [&](GpuBuilder::Parameters parameters) {
        takeParameters(parameters);
        lane = teams.team == 1    ? b.constant(0)
               : teams.teams == 1 ? thread
                                  : b.remainder(thread, teams.team);
        team = teams.teams == 1 ? b.constant(0) : b.divide(thread, teams.team);
        numbers.clear();
        for (auto [i, operand] : llvm::enumerate(op.getShared()))
          if (BlockArgument argument = op.getSharedArgument(i);
              !isa<VectorType>(argument.getType()) && stages.isLive(argument))
            numbers[argument] =
                loadNumber(addresses.shared[i], elementOf(operand));
        for (unsigned i = 0; i < op.getValues().size(); ++i)
          numbers[op.getValueArgument(i)] = parameters.values[i];
        if (hasSums())
          emitSlots(parameters.sizes[0], parameters.sizes[1]);
        else
          emitPoints(parameters.sizes[0]);
      });
}

void RowGpuEmitter::emitSums(StringRef symbol) {
  auto body = [&](GpuBuilder::Parameters parameters) {
    takeParameters(parameters);
    Value slots = parameters.sizes[1], block = b.blockId();
    Value laneOfWarp = b.remainder(thread, 32), warp = b.divide(thread, 32);
    int64_t firstBlock = 0;
    for (unsigned i = 0; i < op.getSumResults().size(); ++i) {
      int64_t count = slot.counts[i],
              blocks = llvm::divideCeilSigned(count, 32);
      Value from = b.constant(firstBlock);
      firstBlock += blocks;
      Value mine = b.both(
          arith::CmpIOp::create(b, arith::CmpIPredicate::sge, block, from),
          b.less(block, b.constant(firstBlock)));
      b.ifThen(mine, [&] {
        Value column = b.add(b.mul(b.sub(block, from), 32), laneOfWarp);
        Value at =
            b.offset(b.offset(addresses.workspace, slot.offsets[i]), column);
        Value sum = b.loop(warp, slots, kSumWarps, Values{b.constantF32(0)},
                           [&](Value number, ValueRange carried) {
                             Value part =
                                 b.offset(at, b.mul(number, slot.elements));
                             return Values{b.addF(carried[0], b.loadF32(part))};
                           })[0];
        Value shared = b.shared();
        b.storeF32(sum, b.offset(shared, thread));
        b.barrier();
        Value inside = b.less(column, b.constant(count));
        Value writes = b.both(inside, b.equal(warp, b.constant(0)));
        b.ifThen(writes, [&] {
          Value total = b.loadF32(b.offset(shared, laneOfWarp));
          for (int64_t other = 1; other < kSumWarps; ++other)
            total = b.addF(
                total,
                b.loadF32(b.offset(b.offset(shared, other * 32), laneOfWarp)));
          Type element = elementOf(op.getSumResults()[i]);
          for (auto [sumIndex, base] :
               llvm::zip(op.getIntoSums(), addresses.into))
            if (sumIndex == static_cast<int64_t>(i))
              total = b.addF(
                  total, b.loadNumbers(elementAddress(b, base, element, column),
                                       1, element));
          b.storeNumbers(total,
                         elementAddress(b, addresses.sums[i], element, column),
                         element);
        });
      });
    }
  };
  b.gpuFunction(symbol, signature(sumThreads(), true), body);
}
