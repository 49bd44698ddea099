//===- RowLoops.cpp - The loops over the columns of a row -----------------===//
//
// A loop of a stage becomes
//
//   for column in [0, main) step U*W { U chunks, in turns on 4 accumulators }
//   the chunks left over, one by one
//   one masked chunk if W does not divide the row
//   the accumulators are added pairwise, then their lanes
//
// Where a row has several loops, some would wait for memory and others only
// compute; so each fetches its share of what later loops, or those of the next
// point, read and write.
//
// A value does not depend on the program that computes it: each operation
// rounds by itself, and chunk j of a row goes to accumulator j mod 4, however
// many chunks are in flight. So joining, splitting and computing again change
// no bit.
//
// Every chunk loads all that it needs before it stores anything, so a result
// may lie over an operand.
//
//===----------------------------------------------------------------------===//

#include "../RowOps.h"
#include "RowEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

/// A row of at most this many vectors has no loop.
static constexpr int64_t kStraightChunks = 4;

/// Accumulators of a sum over a longer row.
static constexpr int64_t kAccumulators = 4;

/// Chunks in flight: enough to hide the latency of a sum where the body is
/// short; long bodies overlap by themselves, and code costs compile time.
static int64_t chooseUnroll(const RowLoop &loop) {
  if (loop.cost > 60)
    return 1;
  if (loop.cost > 24)
    return 2;
  return loop.reductions.empty() ? 2 : kAccumulators;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value RowEmitter::loadRow(Value ptr, Type element, Value column, Value mask) {
  auto type = VectorType::get({b.lanes()}, convertType(element));
  Value address = elementAddress(b, ptr, element, column);
  unsigned alignment = element.isF32() ? 4 : 2;
  if (!mask)
    return b.widen(LLVM::LoadOp::create(b, type, address, alignment));
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return b.widen(LLVM::MaskedLoadOp::create(b, type, address, mask, zero,
                                            static_cast<uint32_t>(alignment)));
}

void RowEmitter::storeRow(Value value, Value ptr, Type element, Value column,
                          Value mask) {
  unsigned alignment = element.isF32() ? 4 : 2;
  value = narrow(value, element);
  Value address = elementAddress(b, ptr, element, column);
  if (mask)
    LLVM::MaskedStoreOp::create(b, value, address, mask, alignment);
  else
    LLVM::StoreOp::create(b, value, address, alignment);
}

std::pair<Value, Type> RowEmitter::addressOf(RowSource source) {
  if (source.kind == RowSource::Buffer)
    return {b.offset(scratch, buffers.offsets[source.index]), b.getF32Type()};
  return addresses.of(source);
}

//===----------------------------------------------------------------------===//
// Prefetching
//===----------------------------------------------------------------------===//

/// Shorter rows overlap by themselves; longer ones would push each other out.
static constexpr int64_t kLeastPrefetched = 2048;
static constexpr int64_t kMostPrefetched = int64_t{256} * 1024;

void RowEmitter::planPrefetches() {
  ArrayRef<RowLoop> loops = stages.getLoops();
  unsigned count = loops.size();
  prefetches.resize(count);
  if (count < 2 || !llvm::all_equal(llvm::map_range(
                       loops, [](const RowLoop &loop) { return loop.width; })))
    return;
  auto isWorth = [&](Value tensor) {
    int64_t bytes =
        loops[0].width *
        cast<RankedTensorType>(tensor.getType()).getElementTypeBitWidth() / 8;
    return bytes >= kLeastPrefetched && bytes <= kMostPrefetched;
  };
  // What loop `first` wants is fetched before it, or after it for the next
  // point: by the loop that fetches the least.
  auto place = [&](RowSource source, unsigned first) {
    unsigned begin = first > 0 ? 0 : 1, end = first > 0 ? first : count;
    unsigned best = begin;
    for (unsigned i = begin; i < end; ++i)
      if (prefetches[i].size() < prefetches[best].size())
        best = i;
    prefetches[best].push_back({source, first == 0});
  };
  auto firstLoop = [&](auto wants) -> std::optional<unsigned> {
    auto found = llvm::find_if(loops, wants);
    if (found == loops.end())
      return std::nullopt;
    return found - loops.begin();
  };
  for (unsigned i = 0; i < numResults(); ++i)
    if (!layouts.contains(i) && isWorth(op.getRowResults()[i]))
      if (auto first = firstLoop([&](const RowLoop &loop) {
            return llvm::is_contained(loop.results, i);
          }))
        place({RowSource::Result, i}, *first);
  for (unsigned i = 0; i < op.getRows().size(); ++i)
    if (isWorth(op.getRows()[i]) && op.getRowMap(i).isIdentity())
      if (auto first = firstLoop([&](const RowLoop &loop) {
            return llvm::any_of(loop.loads, [&](auto &load) {
              return load.second.kind == RowSource::Operand &&
                     load.second.index == i;
            });
          }))
        place({RowSource::Operand, i}, *first);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Columns and other indices are i32: as wide as the numbers beside them. bf16
/// is i16, see BFloat16.cpp.
Type RowEmitter::convertType(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get({b.lanes()}, convertType(vector.getElementType()));
  if (type.isBF16())
    return b.getI16Type();
  return isa<IndexType>(type) ? b.getI32Type() : type;
}

Value RowEmitter::emitColumns(Value column) {
  auto type = VectorType::get({b.lanes()}, b.getI32Type());
  auto lanes = llvm::to_vector(llvm::seq<int32_t>(0, b.lanes()));
  Value iota = arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, ArrayRef<int32_t>(lanes)));
  Value narrow = arith::TruncIOp::create(b, b.getI32Type(), column);
  Value first = vector::BroadcastOp::create(b, type, narrow);
  return arith::AddIOp::create(b, first, iota);
}

Value RowEmitter::emitOp(Operation *inner, function_ref<Value(Value)> lookup,
                         Value columns) {
  Type type = convertType(inner->getResult(0).getType());
  if (auto constant = dyn_cast<arith::ConstantOp>(inner))
    return emitRowConstant(b, constant, type);
  if (isa<vector::StepOp>(inner))
    return columns;
  if (isa<StopGradientOp>(inner))
    return lookup(inner->getOperand(0));
  if (isa<vector::BroadcastOp>(inner))
    return vector::BroadcastOp::create(b, type, lookup(inner->getOperand(0)));
  if (isa<math::RsqrtOp>(inner)) {
    // Exact enough for the numbers of a norm, where the estimate is not.
    Value root = math::SqrtOp::create(b, lookup(inner->getOperand(0)));
    Value one = arith::ConstantOp::create(
        b, isa<VectorType>(type) ? cast<TypedAttr>(DenseElementsAttr::get(
                                       cast<VectorType>(type), 1.0f))
                                 : cast<TypedAttr>(b.getF32FloatAttr(1.0f)));
    return arith::DivFOp::create(b, one, root);
  }
  if (isa<arith::TruncFOp>(inner))
    return narrow(lookup(inner->getOperand(0)),
                  getElementTypeOrSelf(inner->getResult(0)));
  if (isa<arith::ExtFOp>(inner))
    return b.widen(lookup(inner->getOperand(0)));
  if (auto divide = dyn_cast<arith::DivFOp>(inner))
    if (auto splat = divide.getRhs().getDefiningOp<vector::BroadcastOp>()) {
      // One division a row; its columns are multiplied. LLVM moves it out of
      // the loop.
      Value inverse =
          arith::DivFOp::create(b, b.constantF32(1), lookup(splat.getSource()));
      return arith::MulFOp::create(b, lookup(divide.getLhs()),
                                   b.broadcast(inverse));
    }
  if (isa<math::ExpOp>(inner) && isa<VectorType>(type))
    return emitExp(lookup(inner->getOperand(0)));
  if (isa<arith::IndexCastOp>(inner))
    return emitIndexCast(b, lookup(inner->getOperand(0)), type);
  return emitRowClone(b, inner, type, lookup);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void RowEmitter::emitChunk(const RowLoop &loop, Value column, bool masked,
                           MutableArrayRef<Value> accumulators) {
  Value mask;
  if (masked) {
    SmallVector<bool> lanes;
    for (int64_t i = 0; i < b.lanes(); ++i)
      lanes.push_back(i < loop.width % b.lanes());
    mask = arith::ConstantOp::create(
        b, DenseElementsAttr::get(VectorType::get({b.lanes()}, b.getI1Type()),
                                  ArrayRef<bool>(lanes)));
  }
  DenseMap<Value, Value> rows;
  auto lookup = [&](Value value) {
    auto row = rows.find(value);
    return row != rows.end() ? row->second : numbers.lookup(value);
  };
  for (auto &[value, source] : loop.loads) {
    auto [ptr, element] = addressOf(source);
    rows[value] = loadRow(ptr, element, column, mask);
  }
  if (!masked)
    for (const Prefetch &ahead : prefetches[&loop - stages.getLoops().data()]) {
      auto [ptr, element] = addressOf(ahead.source);
      Value at = ahead.ofNextPoint ? b.add(column, loop.width) : column;
      bool write = ahead.source.kind == RowSource::Result;
      LLVM::Prefetch::create(b, elementAddress(b, ptr, element, at),
                             /*rw=*/write ? 1u : 0u, /*hint=*/2u, /*cache=*/1u);
    }
  Value columns;
  for (Operation *inner : loop.compute) {
    if (isa<vector::StepOp>(inner) && !columns)
      columns = emitColumns(column);
    rows[inner->getResult(0)] = emitOp(inner, lookup, columns);
  }

  for (auto [op, accumulator] :
       llvm::zip_equal(loop.reductions, accumulators)) {
    vector::ReductionOp reduction = op;
    Value value = lookup(reduction.getVector());
    vector::CombiningKind kind = reduction.getKind();
    if (mask) {
      Value neutral = b.broadcast(b.constantF32(neutralElement(kind)));
      value = arith::SelectOp::create(b, mask, value, neutral);
    }
    accumulator = vector::makeArithReduction(
        b, b.getLoc(), kind, value, accumulator, flagsOf(kind, b.getContext()));
  }
  YieldOp yield = op.getYield();
  for (unsigned i : loop.buffers) {
    auto [ptr, element] = addressOf({RowSource::Buffer, i});
    storeRow(lookup(stages.getBuffers()[i]), ptr, element, column, mask);
  }
  for (unsigned i : loop.sums) {
    Value old = loadRow(sumPtrs[i], b.getF32Type(), column, mask);
    Value sum = arith::AddFOp::create(b, old, lookup(yield.getSums()[i]));
    storeRow(sum, sumPtrs[i], b.getF32Type(), column, mask);
  }
  for (unsigned i : loop.results) {
    if (layouts.contains(i) && layouts.sources[i]->result)
      continue;
    auto [ptr, element] = addressOf({RowSource::Result, i});
    storeRow(lookup(yield.getRows()[i]), ptr, element, column, mask);
  }
}

void RowEmitter::emitLoop(const RowLoop &loop) {
  int64_t lanes = b.lanes(), chunks = loop.width / lanes;
  unsigned count = loop.reductions.size();
  int64_t unroll = chooseUnroll(loop);
  if (chunks <= kStraightChunks)
    unroll = std::max<int64_t>(1, count ? chunks : 1);

  // The accumulator of reduction i for the chunks with number j modulo their
  // count is accumulators[j * count + i], counted from the next chunk on: a
  // loop of fewer chunks turns them.
  int64_t turns = chunks <= kStraightChunks ? unroll : kAccumulators;
  Values accumulators;
  for (int64_t j = 0; j < turns; ++j)
    for (vector::ReductionOp reduction : loop.reductions)
      accumulators.push_back(
          b.broadcast(b.constantF32(neutralElement(reduction.getKind()))));
  auto lane = [&](MutableArrayRef<Value> all, int64_t j) {
    return all.slice(j % turns * count, count);
  };

  int64_t main = chunks <= kStraightChunks ? 0 : chunks / unroll * unroll;
  if (main > 0) {
    accumulators = b.loop(
        b.constant(0), b.constant(main * lanes), unroll * lanes, accumulators,
        [&](Value column, ValueRange carried) {
          Values next(carried);
          for (int64_t j = 0; j < unroll; ++j)
            emitChunk(loop, b.add(column, j * lanes), false, lane(next, j));
          std::rotate(next.begin(), next.begin() + unroll % turns * count,
                      next.end());
          return next;
        });
    // From here on by the number of the chunk.
    std::rotate(accumulators.begin(), accumulators.end() - main % turns * count,
                accumulators.end());
  }
  for (int64_t j = main; j < chunks; ++j)
    emitChunk(loop, b.constant(j * lanes), false, lane(accumulators, j));
  if (loop.width % lanes != 0)
    emitChunk(loop, b.constant(chunks * lanes), true,
              lane(accumulators, chunks));

  for (unsigned i = 0; i < count; ++i) {
    vector::ReductionOp reduction = loop.reductions[i];
    vector::CombiningKind kind = reduction.getKind();
    auto combine = [&](Value a, Value c) -> Value {
      return vector::makeArithReduction(b, b.getLoc(), kind, a, c,
                                        flagsOf(kind, b.getContext()));
    };
    Values parts;
    for (int64_t j = 0; j < turns; ++j)
      parts.push_back(accumulators[j * count + i]);
    while (parts.size() > 1) {
      Values half;
      for (size_t j = 0; j + 1 < parts.size(); j += 2)
        half.push_back(combine(parts[j], parts[j + 1]));
      if (parts.size() % 2)
        half.push_back(parts.back());
      parts = half;
    }
    if (isTotal(reduction)) {
      numbers[reduction.getDest()] = parts.front();
      continue;
    }
    Value number = b.reduceLanes(parts.front(), combine);
    if (Value start = reduction.getAcc())
      number = combine(number, numbers.lookup(start));
    numbers[reduction.getDest()] = number;
  }
}
