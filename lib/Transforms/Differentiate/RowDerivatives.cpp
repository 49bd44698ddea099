//===- RowDerivatives.cpp - The table of derivatives ----------------------===//

#include "mixln/Transforms/Differentiate/RowDerivatives.h"
#include "mixln/IR/Mixln.h"
#include "mixln/IR/RowBuilders.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/StringMap.h"

#include <numbers>

using namespace mlir;
using namespace mixln;

namespace {

/// The cotangents of the values of a body while it is walked backwards.
struct Cotangents {
  /// Values that depend on what is wanted; only these get cotangents.
  DenseSet<Value> active;
  DenseMap<Value, Value> of;
  /// The operation that gave a value its first cotangent, for diagnostics.
  DenseMap<Value, Operation *> from;

  void add(RowBuilder &b, Value value, Value cotangent, Operation *source) {
    if (!active.contains(value))
      return;
    cotangent = b.broadcast(cotangent, value.getType());
    Value &sum = of[value];
    sum = sum ? b.add(sum, cotangent) : cotangent;
    from.try_emplace(value, source);
  }
};

/// What a rule sees of one operation y = op(x0, x1, ...).
struct Rule {
  RowBuilder &b;
  Operation *op;
  Value dy;
  Cotangents &cotangents;

  Value x(unsigned i) { return op->getOperand(i); }
  Value y() { return op->getResult(0); }
  Value number(double value) { return b.constant(value, dy.getType()); }
  Value zero() { return number(0.0); }
  /// Adds to the cotangent of operand i. What is built for an operand that
  /// needs none is dead code, which the caller removes.
  void give(unsigned i, Value cotangent) {
    cotangents.add(b, x(i), cotangent, op);
  }
};

using RuleFunction = void (*)(Rule &);

} // namespace

//===----------------------------------------------------------------------===//
// Rules that are more than a line
//===----------------------------------------------------------------------===//

/// dy where `condition` holds, to operand 0; elsewhere to operand 1.
static void route(Rule &r, arith::CmpFPredicate predicate) {
  Value first =
      arith::CmpFOp::create(r.b.builder, r.b.loc, predicate, r.x(0), r.x(1));
  r.give(0, r.b.select(first, r.dy, r.zero()));
  r.give(1, r.b.select(first, r.zero(), r.dy));
}

/// The number that fills the row `value`, or null.
static Value splatOf(Value value) {
  auto broadcast = value.getDefiningOp<vector::BroadcastOp>();
  if (!broadcast || isa<VectorType>(broadcast.getSource().getType()))
    return {};
  return broadcast.getSource();
}

/// `value` times a constant, on a number where the row is filled with one.
static Value scale(Rule &r, Value value, double factor) {
  if (Value number = splatOf(value))
    return r.b.broadcast(r.b.mul(number, r.b.constant(factor)),
                         value.getType());
  return r.b.mul(value, r.b.constant(factor, value.getType()));
}

static Value negate(Rule &r, Value value) {
  if (Value number = splatOf(value))
    return r.b.broadcast(r.b.neg(number), value.getType());
  return r.b.neg(value);
}

/// numerator / denominator, with one division where the denominator is a row
/// filled with one number.
static Value divide(Rule &r, Value numerator, Value denominator) {
  Value number = splatOf(denominator);
  if (!number)
    return r.b.div(numerator, denominator);
  Value inverse = r.b.div(r.b.constant(1.0), number);
  return r.b.mul(numerator, r.b.broadcast(inverse, denominator.getType()));
}

/// Whether `value` is the constant `number`, as a row or as a number.
static bool isConstant(Value value, double number) {
  if (Value filled = splatOf(value))
    value = filled;
  DenseFPElementsAttr row;
  FloatAttr scalar;
  if (matchPattern(value, m_Constant(&scalar)))
    return scalar.getValueAsDouble() == number;
  return matchPattern(value, m_Constant(&row)) && row.isSplat() &&
         row.getSplatValue<APFloat>().convertToDouble() == number;
}

/// u where `value` is 1 + exp(u), or null.
static Value matchOnePlusExp(Value value) {
  auto sum = value.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return {};
  for (auto [one, other] : {std::pair(sum.getLhs(), sum.getRhs()),
                            std::pair(sum.getRhs(), sum.getLhs())})
    if (auto exp = other.getDefiningOp<math::ExpOp>();
        exp && isConstant(one, 1.0))
      return exp.getOperand();
  return {};
}

/// x / (1 + exp(u)), a sigmoid: exp(u) overflows where the quotient is zero,
/// and infinity times zero must not become the derivative. So the cotangent
/// goes to u past the sum and the exponential, as
/// -dy * y * (1 - 1 / (1 + exp(u))).
static void divfRule(Rule &r) {
  Value x = r.x(0), denominator = r.x(1);
  if (Value u = matchOnePlusExp(denominator)) {
    Value one = r.number(1.0);
    Value sigmoid = isConstant(x, 1.0) ? r.y() : r.b.div(one, denominator);
    r.give(0, r.b.mul(r.dy, sigmoid));
    Value slope = r.b.mul(r.y(), r.b.sub(sigmoid, one));
    r.cotangents.add(r.b, u, r.b.mul(r.dy, slope), r.op);
    return;
  }
  Value quotient = divide(r, r.dy, denominator);
  r.give(0, quotient);
  r.give(1, negate(r, r.b.mul(quotient, r.y())));
}

static void mulfRule(Rule &r) {
  if (r.x(0) == r.x(1)) {
    r.give(0, r.b.mul(scale(r, r.dy, 2.0), r.x(0)));
    return;
  }
  r.give(0, r.b.mul(r.dy, r.x(1)));
  r.give(1, r.b.mul(r.dy, r.x(0)));
}

/// The sign of `value`: 0 at 0.
static Value sign(Rule &r, Value value) {
  Value zero = r.zero();
  Value negative = r.b.select(r.b.greater(zero, value), r.number(-1.0), zero);
  return r.b.select(r.b.greater(value, zero), r.number(1.0), negative);
}

static void powfRule(Rule &r) {
  Value base = r.x(0), exponent = r.x(1);
  Value slope =
      isConstant(exponent, 2.0)
          ? r.b.mul(r.number(2.0), base)
          : r.b.mul(exponent, r.b.pow(base, r.b.sub(exponent, r.number(1.0))));
  r.give(0, r.b.mul(r.dy, slope));
  // 0^b does not change with b > 0; log(0) must not make it NaN.
  Value positive = r.b.greater(base, r.zero());
  Value safe = r.b.select(positive, base, r.number(1.0));
  r.give(1, r.b.mul(r.dy, r.b.mul(r.y(), r.b.log(safe))));
}

/// The largest (smallest) entries share the cotangent equally.
static void extremeRule(Rule &r) {
  Value row = r.x(0);
  RowBuilder &b = r.b;
  Value isExtreme =
      arith::CmpFOp::create(b.builder, b.loc, arith::CmpFPredicate::OEQ, row,
                            b.broadcast(r.y(), row.getType()));
  Value ones = b.select(isExtreme, b.constant(1.0, row.getType()),
                        b.constant(0.0, row.getType()));
  r.give(0, b.mul(ones, b.div(r.dy, b.sum(ones))));
}

static void sumRule(Rule &r) {
  r.give(0, r.b.broadcast(r.dy, r.x(0).getType()));
  if (r.op->getNumOperands() == 2)
    r.give(1, r.dy);
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// Where a forward result helps (exp, sqrt, tanh, ...) a rule reuses it.
static const llvm::StringMap<RuleFunction> &getTable() {
  static const llvm::StringMap<RuleFunction> table = {
      {"arith.addf", [](Rule &r) { r.give(0, r.dy), r.give(1, r.dy); }},
      {"arith.subf",
       [](Rule &r) { r.give(0, r.dy), r.give(1, negate(r, r.dy)); }},
      {"arith.mulf", mulfRule},
      {"arith.divf", divfRule},
      {"arith.negf", [](Rule &r) { r.give(0, negate(r, r.dy)); }},
      {"arith.maximumf", [](Rule &r) { route(r, arith::CmpFPredicate::OGE); }},
      {"arith.minimumf", [](Rule &r) { route(r, arith::CmpFPredicate::OLE); }},
      {"arith.select",
       [](Rule &r) {
         r.give(1, r.b.select(r.x(0), r.dy, r.zero()));
         r.give(2, r.b.select(r.x(0), r.zero(), r.dy));
       }},
      {"arith.extf",
       [](Rule &r) {
         r.give(0, arith::TruncFOp::create(r.b.builder, r.b.loc,
                                           r.x(0).getType(), r.dy));
       }},
      {"arith.truncf",
       [](Rule &r) {
         r.give(0, arith::ExtFOp::create(r.b.builder, r.b.loc, r.x(0).getType(),
                                         r.dy));
       }},
      {"math.sqrt",
       [](Rule &r) {
         r.give(0, r.b.div(r.b.mul(r.dy, r.number(0.5)), r.y()));
       }},
      {"math.rsqrt",
       [](Rule &r) {
         Value cube = r.b.mul(r.b.mul(r.y(), r.y()), r.y());
         r.give(0, r.b.mul(r.b.mul(r.dy, r.number(-0.5)), cube));
       }},
      {"math.exp", [](Rule &r) { r.give(0, r.b.mul(r.dy, r.y())); }},
      {"math.exp2",
       [](Rule &r) {
         r.give(0, r.b.mul(r.dy, r.b.mul(r.y(), r.number(std::numbers::ln2))));
       }},
      {"math.log", [](Rule &r) { r.give(0, r.b.div(r.dy, r.x(0))); }},
      {"math.tanh",
       [](Rule &r) {
         Value slope = r.b.sub(r.number(1.0), r.b.mul(r.y(), r.y()));
         r.give(0, r.b.mul(r.dy, slope));
       }},
      {"math.erf",
       [](Rule &r) {
         Value bell = r.b.exp(r.b.neg(r.b.mul(r.x(0), r.x(0))));
         Value slope = r.b.mul(r.number(2.0 * std::numbers::inv_sqrtpi), bell);
         r.give(0, r.b.mul(r.dy, slope));
       }},
      {"math.absf", [](Rule &r) { r.give(0, r.b.mul(r.dy, sign(r, r.x(0)))); }},
      {"math.copysign",
       [](Rule &r) {
         Value one = r.number(1.0);
         Value other =
             math::CopySignOp::create(r.b.builder, r.b.loc, one, r.x(1));
         r.give(0, r.b.mul(r.dy, r.b.mul(sign(r, r.x(0)), other)));
       }},
      {"math.powf", powfRule},
      {"math.fma",
       [](Rule &r) {
         r.give(0, r.b.mul(r.dy, r.x(1)));
         r.give(1, r.b.mul(r.dy, r.x(0)));
         r.give(2, r.dy);
       }},
      {"vector.broadcast", [](Rule &r) { r.give(0, r.b.sum(r.dy)); }},
      {"vector.reduction <add>", sumRule},
      {"vector.reduction <maximumf>", extremeRule},
      {"vector.reduction <minimumf>", extremeRule},
  };
  return table;
}

/// The key of an operation in the table: its name; reductions differ by kind.
static std::string getKey(Operation *op) {
  std::string key = op->getName().getStringRef().str();
  if (auto reduction = dyn_cast<vector::ReductionOp>(op)) {
    key += (" <" + vector::stringifyCombiningKind(reduction.getKind()) + ">")
               .str();
    // Of a sum the start is one more term; of an extreme it is not.
    if (reduction.getAcc() && reduction.getKind() != vector::CombiningKind::ADD)
      key += " with a start";
  }
  return key;
}

//===----------------------------------------------------------------------===//
// Reverse mode
//===----------------------------------------------------------------------===//

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value.getType()));
}

LogicalResult mixln::differentiateRow(OpBuilder &builder,
                                      ArrayRef<Operation *> operations,
                                      ArrayRef<RowSeed> seeds,
                                      ValueRange wanted, Location yield,
                                      SmallVectorImpl<Value> &cotangents) {
  Cotangents state;
  state.active.insert_range(wanted);
  for (Operation *op : operations) {
    // The condition of a select carries no gradient, being i1.
    bool depends = llvm::any_of(op->getOperands(), [&](Value operand) {
      return isFloat(operand) && state.active.contains(operand);
    });
    if (depends && !isa<StopGradientOp>(op))
      for (Value result : op->getResults())
        if (isFloat(result))
          state.active.insert(result);
  }

  for (auto [value, cotangent] : seeds) {
    RowBuilder row(builder, value.getLoc());
    state.add(row, value, cotangent, nullptr);
  }
  for (Operation *op : llvm::reverse(operations)) {
    if (op->getNumResults() != 1)
      continue;
    Value dy = state.of.lookup(op->getResult(0));
    if (!dy)
      continue;
    std::string key = getKey(op);
    RuleFunction function = getTable().lookup(key);
    if (!function) {
      InFlightDiagnostic diag = emitError(op->getLoc())
                                << "operation '" << key
                                << "' has no derivative rule";
      if (Operation *source = state.from.lookup(op->getResult(0)))
        diag.attachNote(source->getLoc())
            << "its cotangent comes from '" << source->getName() << "'";
      else
        diag.attachNote(yield)
            << "its cotangent comes from what the row program yields";
      return diag;
    }
    RowBuilder row(builder, op->getLoc());
    Rule rule{row, op, dy, state};
    function(rule);
  }
  for (Value value : wanted)
    cotangents.push_back(state.of.lookup(value));
  return success();
}
