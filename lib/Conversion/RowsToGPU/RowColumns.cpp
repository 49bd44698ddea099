//===- RowColumns.cpp - The columns of a row on a team of threads ---------===//
//
// A stage becomes, in a program whose rows stay in registers,
//
//   all loads of all chunks of the thread, that no earlier stage has done
//   each chunk: operations, accumulators, stores
//   the accumulators' lanes, the lanes of the warp, the warps of the team
//
// and otherwise a loop over chunks that loads again. Threads beyond the row
// load its last chunk, which costs no branch, and neither count nor store.
// Padded rows are read with their pads; those enter no reduction and are stored
// as zeros.
//
//===----------------------------------------------------------------------===//

#include "../RowOps.h"
#include "RowGpuEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Types and addresses
//===----------------------------------------------------------------------===//

Type RowGpuEmitter::convertType(Type type, int64_t chunk) {
  if (auto vector = dyn_cast<VectorType>(type)) {
    Type element = convertType(vector.getElementType(), chunk);
    return chunk == 1 ? element : VectorType::get({chunk}, element);
  }
  return isa<IndexType>(type) ? b.getI32Type() : type;
}

Value RowGpuEmitter::splat(Value number, int64_t chunk) {
  if (chunk == 1)
    return number;
  return vector::BroadcastOp::create(
      b, VectorType::get({chunk}, number.getType()), number);
}

Value RowGpuEmitter::splat(double number, Type like) {
  auto vector = dyn_cast<VectorType>(like);
  return splat(b.constantF32(number), vector ? vector.getDimSize(0) : 1);
}

Value RowGpuEmitter::emitColumns(Value column, int64_t chunk) {
  Value first = arith::TruncIOp::create(b, b.getI32Type(), column);
  if (chunk == 1)
    return first;
  auto lanes = llvm::to_vector(llvm::seq<int32_t>(0, chunk));
  Value iota = arith::ConstantOp::create(
      b, DenseElementsAttr::get(VectorType::get({chunk}, b.getI32Type()),
                                ArrayRef<int32_t>(lanes)));
  return arith::AddIOp::create(b, splat(first, chunk), iota);
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// a / c. The exact division of PTX is a call where numbers are unusual, which
/// costs registers everywhere; so the approximate inverse is made exact by one
/// step of Newton, and the quotient by its remainder. Where an infinity or a
/// zero makes that a NaN, the product with the inverse is right already.
Value RowGpuEmitter::emitDivide(Value a, Value c) {
  Type type = a.getType();
  auto fast = LLVM::FastmathFlags::afn;
  if (teams.approximate)
    return LLVM::FDivOp::create(b, type, a, c, fast);
  Value unit = splat(1, type), minus = arith::NegFOp::create(b, c);
  Value inverse = LLVM::FDivOp::create(b, type, unit, c, fast);
  auto fma = [&](Value x, Value y, Value sum) -> Value {
    return math::FmaOp::create(b, x, y, sum);
  };
  Value better = fma(fma(minus, inverse, unit), inverse, inverse);
  Value first = b.mulF(a, inverse);
  Value second = b.mulF(a, better);
  Value quotient = fma(fma(minus, second, a), better, second);
  Value isNumber =
      arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, quotient, quotient);
  return b.select(isNumber, quotient, first);
}

/// Functions that are not an instruction. Without bf16 they are as precise as
/// f32: polynomials (lowered later), exact roots. With it, the
/// approximate instructions.
Value RowGpuEmitter::emitMath(Operation *inner, ArrayRef<Value> x) {
  Type type = x[0].getType();
  auto fast =
      teams.approximate ? LLVM::FastmathFlags::afn : LLVM::FastmathFlags::none;
  auto divide = [&](Value a, Value c) { return emitDivide(a, c); };
  auto root = [&](Value a) -> Value {
    return LLVM::SqrtOp::create(b, type, a, fast);
  };
  auto exponential = [&](Value a) -> Value {
    if (!teams.approximate)
      return math::ExpOp::create(b, a);
    return LLVM::Exp2Op::create(
        b, type, b.mulF(a, splat(1.4426950408889634, type)), fast);
  };
  return TypeSwitch<Operation *, Value>(inner)
      .Case([&](arith::DivFOp) { return divide(x[0], x[1]); })
      .Case([&](math::SqrtOp) { return root(x[0]); })
      .Case([&](math::RsqrtOp) { return divide(splat(1, type), root(x[0])); })
      .Case([&](math::ExpOp) { return exponential(x[0]); })
      .Case([&](math::Exp2Op) {
        return exponential(b.mulF(x[0], splat(0.6931471805599453, type)));
      })
      .Case([&](math::TanhOp) -> Value {
        if (!teams.approximate)
          return math::TanhOp::create(b, x[0]);
        return LLVM::TanhOp::create(b, type, x[0], fast);
      })
      .Case([&](math::PowFOp) -> Value {
        // x^y = 2^(y * log2 x) for x > 0; a whole y gives a negative x its
        // sign.
        Value magnitude = math::AbsFOp::create(b, x[0]);
        Value power = math::ExpOp::create(
            b, b.mulF(x[1], math::LogOp::create(b, magnitude)));
        Value zero = splat(0, type), one = splat(1, type);
        auto compare = [&](arith::CmpFPredicate how, Value a, Value c) {
          return arith::CmpFOp::create(b, how, a, c);
        };
        using Predicate = arith::CmpFPredicate;
        Value half = b.mulF(x[1], splat(0.5, type));
        auto isWhole = [&](Value a) {
          return compare(Predicate::OEQ, math::RoundEvenOp::create(b, a), a);
        };
        Value nan = divide(zero, zero);
        Value negative = b.select(
            isWhole(x[1]),
            b.select(isWhole(half), power, arith::NegFOp::create(b, power)),
            nan);
        Value result =
            b.select(compare(Predicate::OLT, x[0], zero), negative, power);
        return b.select(compare(Predicate::OEQ, x[1], zero), one, result);
      })
      .Default([](Operation *) { return Value(); });
}

Value RowGpuEmitter::emitOp(Operation *inner, int64_t chunk,
                            function_ref<Value(Value)> lookup, Value columns) {
  Type type = convertType(inner->getResult(0).getType(), chunk);
  if (auto constant = dyn_cast<arith::ConstantOp>(inner))
    return emitRowConstant(b, constant, type);
  if (isa<vector::StepOp>(inner))
    return columns;
  if (isa<StopGradientOp>(inner))
    return lookup(inner->getOperand(0));
  if (isa<vector::BroadcastOp>(inner))
    return splat(lookup(inner->getOperand(0)), chunk);
  if (isa<arith::IndexCastOp>(inner))
    return emitIndexCast(b, lookup(inner->getOperand(0)), type);
  if (auto divide = dyn_cast<arith::DivFOp>(inner))
    if (auto splatOp = divide.getRhs().getDefiningOp<vector::BroadcastOp>()) {
      // One division a row; its columns are multiplied.
      Value inverse = arith::DivFOp::create(b, b.constantF32(1),
                                            lookup(splatOp.getSource()));
      return b.mulF(lookup(divide.getLhs()), splat(inverse, chunk));
    }
  SmallVector<Value> operands;
  for (Value operand : inner->getOperands())
    operands.push_back(lookup(operand));
  if (Value result = emitMath(inner, operands))
    return result;
  return emitRowClone(b, inner, type, lookup);
}

void RowGpuEmitter::emitNumbers(unsigned stage) {
  for (Operation *inner : stages.getNumbers(stage))
    if (!numbers.contains(inner->getResult(0)))
      numbers[inner->getResult(0)] = emitOp(
          inner, 1, [&](Value value) { return numbers.lookup(value); },
          Value());
}

//===----------------------------------------------------------------------===//
// Chunks
//===----------------------------------------------------------------------===//

RowGpuEmitter::Place RowGpuEmitter::placeOf(const RowColumns &columns,
                                            Value turn) {
  int64_t stride = teams.team * columns.chunk;
  Place place;
  place.column = b.add(b.mul(lane, columns.chunk), b.mul(turn, stride));
  if (stride * columns.turns != columns.lastChunk() + columns.chunk) {
    Value last = b.constant(columns.lastChunk());
    place.inside =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, place.column, last);
    place.column = b.minimum(place.column, last);
  }
  if (columns.isRagged()) {
    Value width = arith::ConstantOp::create(
        b, b.getI32IntegerAttr(static_cast<int32_t>(columns.width)));
    place.lanes = arith::CmpIOp::create(
        b, arith::CmpIPredicate::slt, emitColumns(place.column, columns.chunk),
        splat(width, columns.chunk));
  }
  return place;
}

Value RowGpuEmitter::onlyRow(const Place &place, Value value,
                             double otherwise) {
  if (place.inside)
    value = b.select(place.inside, value, splat(otherwise, value.getType()));
  if (place.lanes)
    value = b.select(place.lanes, value, splat(otherwise, value.getType()));
  return value;
}

Value RowGpuEmitter::loadRow(RowSource source, const RowColumns &columns,
                             const Place &place) {
  auto [ptr, element] = addresses.of(source);
  return b.loadNumbers(elementAddress(b, ptr, element, place.column),
                       columns.chunk, element);
}

void RowGpuEmitter::emitChunk(const RowLoop &loop, const RowColumns &columns,
                              const Place &place, int64_t turn,
                              MutableArrayRef<Value> accumulators,
                              Values &totals) {
  auto lookup = [&](Value value) {
    auto row = rows.find({value, turn});
    if (row != rows.end())
      return row->second;
    auto load = loop.loads.find(value);
    if (load == loop.loads.end())
      return numbers.lookup(value);
    // Rows that are not held are loaded where they are wanted, so that few are
    // alive at once.
    Value loaded = loadRow(load->second, columns, place);
    rows[{value, turn}] = loaded;
    return loaded;
  };
  Value numbersOfColumns;
  for (Operation *inner : loop.compute) {
    if (lookup(inner->getResult(0)))
      continue;
    if (isa<vector::StepOp>(inner) && !numbersOfColumns)
      numbersOfColumns = emitColumns(place.column, columns.chunk);
    Value row = emitOp(inner, columns.chunk, lookup, numbersOfColumns);
    rows[{inner->getResult(0), turn}] = row;
  }
  for (auto [op, accumulator] :
       llvm::zip_equal(loop.reductions, accumulators)) {
    vector::ReductionOp reduction = op;
    vector::CombiningKind kind = reduction.getKind();
    Value value =
        onlyRow(place, lookup(reduction.getVector()), neutralElement(kind));
    accumulator = vector::makeArithReduction(
        b, b.getLoc(), kind, accumulator, value, flagsOf(kind, b.getContext()));
  }
  // Everything is loaded before anything is stored: a result may lie over an
  // operand.
  YieldOp yield = op.getYield();
  for (unsigned i : loop.sums)
    lookup(yield.getSums()[i]);
  for (unsigned i : loop.results)
    lookup(yield.getRows()[i]);
  for (unsigned i : loop.sums) {
    Value value = lookup(yield.getSums()[i]);
    if (valid)
      value = b.select(valid, value, splat(0, value.getType()));
    if (teams.held) {
      Value &total = totals[totalOf[i] + turn];
      total = b.addF(total, value);
      continue;
    }
    b.ifThenAll(place.inside, [&] {
      Value at = partialSums(i, currentHead, place.column);
      Value old = b.loadNumbers(at, columns.chunk, b.getF32Type());
      b.storeNumbers(b.addF(old, value), at, b.getF32Type());
    });
  }
  if (loop.results.empty())
    return;
  b.ifThenAll(b.both(place.inside, valid), [&] {
    for (unsigned i : loop.results) {
      auto [ptr, element] = addresses.of({RowSource::Result, i});
      Value value = lookup(yield.getRows()[i]);
      if (place.lanes)
        value = b.select(place.lanes, value, splat(0, value.getType()));
      b.storeNumbers(value, elementAddress(b, ptr, element, place.column),
                     element);
    }
  });
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

void RowGpuEmitter::emitLoop(const RowLoop &loop, Values &totals) {
  RowColumns columns = teams.columnsOf(loop.width);
  Type type = convertType(VectorType::get({columns.chunk}, b.getF32Type()),
                          columns.chunk);
  Values accumulators;
  for (vector::ReductionOp reduction : loop.reductions)
    accumulators.push_back(splat(neutralElement(reduction.getKind()), type));
  if (teams.held) {
    SmallVector<Place> places;
    for (int64_t turn = 0; turn < columns.turns; ++turn) {
      places.push_back(placeOf(columns, b.constant(turn)));
      for (auto &[value, source] : loop.loads)
        if (Value &row = rows[{value, turn}]; !row)
          row = loadRow(source, columns, places.back());
    }
    for (int64_t turn = 0; turn < columns.turns; ++turn)
      emitChunk(loop, columns, places[turn], turn, accumulators, totals);
  } else {
    // The number of turns hides behind a parameter: unrolled, all stages would
    // share their loads, and registers would not do.
    Value turns = b.mul(one, columns.turns);
    accumulators = b.loop(b.constant(0), turns, 1, accumulators,
                          [&](Value turn, ValueRange carried) {
                            Values next(carried);
                            Place place = placeOf(columns, turn);
                            rows.clear();
                            emitChunk(loop, columns, place, 0, next, totals);
                            rows.clear();
                            return next;
                          });
  }
  finishReductions(loop, accumulators);
}

void RowGpuEmitter::finishReductions(const RowLoop &loop,
                                     ArrayRef<Value> accumulators) {
  if (loop.reductions.empty())
    return;
  int64_t warps = teams.team / 32;
  auto combineOf = [&](vector::CombiningKind kind) {
    return [this, kind](Value a, Value c) -> Value {
      return vector::makeArithReduction(b, b.getLoc(), kind, a, c,
                                        flagsOf(kind, b.getContext()));
    };
  };
  Value laneOfWarp, warp;
  if (warps > 1) {
    laneOfWarp = b.remainder(thread, 32);
    warp = b.divide(thread, 32);
  }
  auto placeOfPartial = [&](int64_t index, Value which) {
    Value base = b.offset(b.shared(), b.add(half, index * 32));
    return b.offset(base, which);
  };
  for (auto [i, op] : llvm::enumerate(loop.reductions)) {
    vector::ReductionOp reduction = op;
    auto combine = combineOf(reduction.getKind());
    Value number = accumulators[i];
    if (isa<VectorType>(number.getType()))
      number = b.reduceLanes(number, combine);
    number = b.combineWarp(number, std::min<int64_t>(teams.team, 32), combine);
    numbers[reduction.getDest()] = number;
    if (warps > 1)
      b.ifThen(b.equal(laneOfWarp, b.constant(0)), [&] {
        b.storeF32(number, placeOfPartial(reductionsDone + i, warp));
      });
  }
  if (warps > 1)
    b.barrier();
  for (auto [i, op] : llvm::enumerate(loop.reductions)) {
    vector::ReductionOp reduction = op;
    auto combine = combineOf(reduction.getKind());
    Value &number = numbers[reduction.getDest()];
    if (warps > 1) {
      // The warps of this team, each read by several threads.
      Value which = b.add(b.mul(team, warps),
                          b.bitAnd(laneOfWarp, b.constant(warps - 1)));
      Value part = b.loadF32(placeOfPartial(reductionsDone + i, which));
      number = b.combineWarp(part, warps, combine);
    }
    if (Value start = reduction.getAcc())
      number = combine(number, numbers.lookup(start));
  }
  reductionsDone += loop.reductions.size();
}
