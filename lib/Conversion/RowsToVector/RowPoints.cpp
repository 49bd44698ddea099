//===- RowPoints.cpp - The loops over rows and heads ----------------------===//
//
// Phase 0:
//
//   clear my slot
//   for row in my part of the rows
//     for head in heads
//       addresses, numbers; for each stage: numbers, loops
//     behind the rows of a unit: results in a matmul's layout
//   store the sums of numbers to my slot
//
// Phase 1, my part of the columns of each sum:
//
//   sum = slot 0 + slot 1 + ... (+ initial value)
//
//===----------------------------------------------------------------------===//

#include "../RowOps.h"
#include "RowEmitter.h"

#include "mixln/Conversion/MatmulToVector.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;

/// Elements of a line; slots and buffers start at multiples of it.
static constexpr int64_t kLine = 16;

RowSlot::RowSlot(RowwiseOp op) {
  for (Type type : op.getSumResults().getTypes()) {
    offsets.push_back(elements);
    counts.push_back(cast<RankedTensorType>(type).getNumElements());
    elements += llvm::alignTo(counts.back(), kLine);
  }
}

RowBuffers::RowBuffers(const RowStages &stages) {
  for (Value row : stages.getBuffers()) {
    offsets.push_back(elements);
    elements +=
        llvm::alignTo(cast<VectorType>(row.getType()).getDimSize(0), kLine);
  }
}

static bool isTransposed(Type type) {
  auto packed =
      dyn_cast_or_null<PackedAttr>(cast<RankedTensorType>(type).getEncoding());
  return packed && packed.getTransposed();
}

RowLayouts::RowLayouts(RowwiseOp op, const RowBuffers &buffers, int64_t lanes)
    : elements(buffers.elements) {
  auto typeOf = [&](unsigned i) {
    return cast<RankedTensorType>(op.getRowResults()[i].getType());
  };
  auto yielded = op.getYield().getRows();
  unsigned count = op.getRowResults().size();
  sources.resize(count);
  for (Type type : op.getRowResults().getTypes())
    if (cast<RankedTensorType>(type).getEncoding())
      unit = std::max<int64_t>(unit, isTransposed(type) ? lanes : 2);
  for (unsigned i = 0; i < count; ++i) {
    if (!typeOf(i).getEncoding())
      continue;
    Source source;
    for (unsigned j = 0; j < count && !source.result; ++j)
      if (yielded[j] == yielded[i] && !typeOf(j).getEncoding() &&
          typeOf(j).getElementType().isBF16())
        source.result = j;
    unsigned same = 0;
    while (yielded[same] != yielded[i] || (same < i && !sources[same]))
      ++same;
    if (same < i) {
      sources[i] = sources[same];
      continue;
    }
    if (!source.result) {
      source.offset = elements;
      elements += llvm::alignTo(typeOf(i).getShape().back() * unit / 2, kLine);
    }
    sources[i] = source;
  }
}

void RowEmitter::loadPointers(KernelBuilder::Arguments args) {
  addresses.take([&](unsigned i) { return b.loadPtr(args.pointers, i); });
  scratch = args.scratch;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

Value RowEmitter::loadNumber(Value ptr, Type element) {
  return b.widen(LLVM::LoadOp::create(b, convertType(element), ptr,
                                      element.getIntOrFloatBitWidth() / 8));
}

void RowEmitter::loadNumbers(ValueRange point) {
  addresses.moveTo(b, point, [&](BlockArgument number, Value at, Type element) {
    if (stages.isLive(number))
      numbers[number] = loadNumber(at, element);
  });
  addresses.resultsHere.clear(), sumPtrs.clear();
  for (auto [i, base] : llvm::enumerate(addresses.results)) {
    auto type = cast<RankedTensorType>(op.getRowResults()[i].getType());
    if (!layouts.contains(i)) {
      addresses.resultsHere.push_back(
          elementAddress(b, base, type, llvm::to_vector(point)));
      continue;
    }
    Value rows = b.offset(scratch, layouts.sources[i]->offset);
    addresses.resultsHere.push_back(
        elementAddress(b, rows, type.getElementType(),
                       b.mul(rowOfUnit, type.getShape().back())));
  }
  for (auto [i, result] : llvm::enumerate(op.getSumResults())) {
    Values indices;
    for (AffineExpr expr : op.getSumMap(i).getResults())
      indices.push_back(emitMapIndex(b, expr, point));
    // Partial sums are f32 whatever the result is.
    auto type = cast<RankedTensorType>(result.getType());
    sumPtrs.push_back(elementAddress(b, b.offset(partials, slot.offsets[i]),
                                     type.clone(b.getF32Type()), indices));
  }
}

void RowEmitter::emitNumbers(unsigned stage) {
  for (Operation *inner : stages.getNumbers(stage))
    if (!numbers.contains(inner->getResult(0)))
      numbers[inner->getResult(0)] = emitOp(
          inner, [&](Value value) { return numbers.lookup(value); }, Value());
}

bool RowEmitter::isCarried(unsigned sum) {
  return !isa<VectorType>(op.getYield().getSums()[sum].getType()) &&
         op.getSumMap(sum).getNumResults() == 0;
}

bool RowEmitter::isTotal(vector::ReductionOp reduction) {
  if (reduction.getKind() != vector::CombiningKind::ADD || reduction.getAcc() ||
      !reduction.getDest().hasOneUse())
    return false;
  YieldOp yield = op.getYield();
  OpOperand &use = *reduction.getDest().use_begin();
  unsigned rows = yield.getRows().size();
  return use.getOwner() == yield && use.getOperandNumber() >= rows &&
         isCarried(use.getOperandNumber() - rows);
}

void RowEmitter::storeNumbers(Values &totals) {
  YieldOp yield = op.getYield();
  for (auto [i, value] : llvm::enumerate(yield.getRows())) {
    if (isa<VectorType>(value.getType()))
      continue;
    Type element = elementOf(op.getRowResults()[i]);
    Value number = narrow(numbers.lookup(value), element);
    LLVM::StoreOp::create(b, number, addresses.resultsHere[i],
                          element.getIntOrFloatBitWidth() / 8);
  }
  unsigned carried = 0;
  for (auto [i, value] : llvm::enumerate(yield.getSums())) {
    if (isa<VectorType>(value.getType()))
      continue;
    Value number = numbers.lookup(value);
    if (isCarried(i)) {
      totals[carried] = b.addF(totals[carried], number);
      ++carried;
    } else {
      b.storeF32(b.addF(b.loadF32(sumPtrs[i]), number), sumPtrs[i]);
    }
  }
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

void RowEmitter::emitPoint(Value row, Value head, Values &totals) {
  // What one point computed means nothing at the next.
  DenseMap<Value, Value> outer = numbers;
  Values point = {row};
  if (head)
    point.push_back(head);
  loadNumbers(point);
  for (unsigned stage = 0; stage <= stages.getNumStages(); ++stage) {
    emitNumbers(stage);
    for (const RowLoop &loop : stages.getLoops())
      if (loop.stage == stage)
        emitLoop(loop);
  }
  storeNumbers(totals);
  numbers = std::move(outer);
}

void RowEmitter::storePairs(unsigned result, Value from, Value row, Value count,
                            Value numRows) {
  auto type = cast<RankedTensorType>(op.getRowResults()[result].getType());
  bool panels = isa<PackedAttr>(type.getEncoding());
  int64_t columns = type.getShape().back();
  int64_t width = panelColumns(b.getTarget());
  Value stride = b.mul(b.ceilDivide(numRows, 2), width);
  b.loop(b.constant(0), count, 2, [&](Value at) {
    Value pair = b.divide(b.add(row, at), b.constant(2));
    Value to = b.offset(addresses.results[result],
                        b.mul(pair, panels ? width : columns));
    b.call(pairRowsFunction(b, panels),
           {elementAddress(b, from, type.getElementType(), b.mul(at, columns)),
            b.constant(columns), to, stride, b.sub(count, at),
            b.constant(columns)});
  });
}

void RowEmitter::storeSquare(unsigned result, Value from, Value row,
                             Value count, Value numRows) {
  auto type = cast<RankedTensorType>(op.getRowResults()[result].getType());
  int64_t columns = type.getShape().back(), words = (columns + 1) / 2;
  int64_t width = panelColumns(b.getTarget());
  PackSpec spec;
  spec.from = spec.to = Element::BF16;
  auto store = [&](Value at, Value exist) {
    Value panel = b.divide(at, b.constant(width));
    Value inPanel = b.sub(at, b.mul(panel, width));
    Value to = b.offset(addresses.results[result],
                        b.add(b.mul(panel, width * words), inPanel));
    b.call(packSquareFunction(b, spec),
           {from, b.constant(columns), to, exist, b.constant(columns)});
  };
  store(row, count);
  // Panels have zeros behind the last row.
  Value isLast = b.equal(b.add(row, count), numRows);
  b.ifThen(isLast, [&] {
    Value end = b.mul(b.ceilDivide(numRows, width), width);
    b.loop(b.add(row, b.lanes()), end, b.lanes(),
           [&](Value at) { store(at, b.constant(0)); });
  });
}

void RowEmitter::storeLayouts(Value row, Value count, Value numRows) {
  for (unsigned i = 0; i < numResults(); ++i) {
    if (!layouts.contains(i))
      continue;
    const RowLayouts::Source &source = *layouts.sources[i];
    auto type = cast<RankedTensorType>(op.getRowResults()[i].getType());
    Value from = source.result
                     ? elementAddress(b, addresses.results[*source.result],
                                      type.getElementType(),
                                      b.mul(row, type.getShape().back()))
                     : b.offset(scratch, source.offset);
    if (isTransposed(type))
      storeSquare(i, from, row, count, numRows);
    else
      storePairs(i, from, row, count, numRows);
  }
}

void RowEmitter::emitRows(StringRef symbol) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    loadPointers(args);
    numbers.clear();
    for (auto [i, operand] : llvm::enumerate(op.getShared()))
      if (!isa<VectorType>(op.getSharedArgument(i).getType()))
        numbers[op.getSharedArgument(i)] =
            loadNumber(addresses.shared[i], elementOf(operand));
    for (unsigned i = 0; i < op.getValues().size(); ++i)
      numbers[op.getValueArgument(i)] = b.loadF32(b.offset(args.values, i));

    Values zeros;
    if (hasSums()) {
      partials = b.offset(addresses.workspace, b.mul(args.task, slot.elements));
      b.loop(b.constant(0), b.constant(slot.elements), b.lanes(), [&](Value i) {
        b.storeVector(b.zeroVector(), b.offset(partials, i));
      });
    }
    for (unsigned i = 0; i < op.getSumResults().size(); ++i)
      if (isCarried(i)) {
        auto reduction =
            op.getYield().getSums()[i].getDefiningOp<vector::ReductionOp>();
        zeros.push_back(reduction && isTotal(reduction) ? b.zeroVector()
                                                        : b.constantF32(0));
      }

    // Pairs of rows at least are dealt out, in every program, so that a sum
    // does not depend on what else its program stores.
    int64_t unit = std::max<int64_t>(layouts.unit, 2);
    Value numRows = b.loadI64(args.sizes, 0);
    auto [firstUnit, lastUnit] =
        b.partition(b.ceilDivide(numRows, unit), args.task, args.tasks);
    Value begin = b.mul(firstUnit, unit);
    Value end = b.minimum(b.mul(lastUnit, unit), numRows);
    bool hasHeads = op.getDomain().size() > 1;
    auto emitRow = [&](Value row, ValueRange carried) {
      Values next(carried);
      if (!hasHeads) {
        emitPoint(row, Value(), next);
        return next;
      }
      return b.loop(b.constant(0), b.constant(op.getDomain()[1]), 1, next,
                    [&](Value head, ValueRange inner) {
                      Values sums(inner);
                      emitPoint(row, head, sums);
                      return sums;
                    });
    };
    Values totals;
    if (layouts.unit == 0)
      totals = b.loop(begin, end, 1, zeros, emitRow);
    else
      totals =
          b.loop(begin, end, unit, zeros, [&](Value first, ValueRange carried) {
            Value last = b.minimum(b.add(first, unit), end);
            Values next = b.loop(first, last, 1, carried,
                                 [&](Value row, ValueRange inner) {
                                   rowOfUnit = b.sub(row, first);
                                   return emitRow(row, inner);
                                 });
            storeLayouts(first, b.sub(last, first), numRows);
            return next;
          });
    unsigned carried = 0;
    for (unsigned i = 0; i < op.getSumResults().size(); ++i)
      if (isCarried(i)) {
        Value total = totals[carried++];
        if (isa<VectorType>(total.getType()))
          total = b.sumLanes(total);
        b.storeF32(total, b.offset(partials, slot.offsets[i]));
      }
  });
}

void RowEmitter::emitSums(StringRef symbol) {
  b.kernelFunction(symbol, [&](KernelBuilder::Arguments args) {
    loadPointers(args);
    Value slots = b.loadI64(args.sizes, 1);
    for (unsigned i = 0; i < op.getSumResults().size(); ++i) {
      Value initial;
      for (auto [sum, base] : llvm::zip(op.getIntoSums(), addresses.into))
        if (sum == static_cast<int64_t>(i))
          initial = base;
      int64_t count = slot.counts[i];
      auto [begin, end] =
          b.partition(b.constant(llvm::divideCeil(count, b.lanes())), args.task,
                      args.tasks);
      b.loop(begin, end, 1, [&](Value chunk) {
        Value column = b.mul(chunk, b.lanes());
        Value first =
            b.offset(b.offset(addresses.workspace, slot.offsets[i]), column);
        Value sum =
            b.loop(b.constant(0), slots, 1, b.zeroVector(),
                   [&](Value task, ValueRange carried) {
                     Value part = b.offset(first, b.mul(task, slot.elements));
                     return Values{b.addF(carried[0], b.loadVector(part))};
                   })[0];
        Value mask;
        if (count % b.lanes() != 0)
          mask = b.maskFor(b.sub(b.constant(count), column));
        Type element = elementOf(op.getSumResults()[i]);
        if (initial)
          sum = b.addF(sum, loadRow(initial, element, column, mask));
        storeRow(sum, addresses.sums[i], element, column, mask);
      });
    }
  });
}
