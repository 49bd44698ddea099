//===- RowInterpreter.cpp - Executes the body of a row program ------------===//

#include "mixln/Interpreter/RowInterpreter.h"
#include "Operations.h"
#include "mixln/IR/Mixln.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Tape
//===----------------------------------------------------------------------===//

void StopGradientTape::record() {
  values.clear();
  replaying = false;
}

void StopGradientTape::replay() {
  position = 0;
  replaying = true;
}

void StopGradientTape::pass(std::vector<double> &value) {
  if (!replaying) {
    values.insert(values.end(), value.begin(), value.end());
    return;
  }
  // More values than were recorded: another program runs. NaN shows it.
  for (double &element : value)
    element = position < values.size()
                  ? values[position++]
                  : std::numeric_limits<double>::quiet_NaN();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

unsigned RowProgram::addSlot(Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  unsigned slot = slots.size();
  slots.emplace_back(vector ? vector.getNumElements() : 1);
  slotOf[value] = slot;
  return slot;
}

template <typename Fn> void RowProgram::addUnary(Operation &op, Fn fn) {
  unsigned a = slotOf.at(op.getOperand(0)), out = addSlot(op.getResult(0));
  steps.push_back([=](Slots &slots) {
    const double *x = slots[a].data();
    std::vector<double> &result = slots[out];
    for (size_t i = 0, e = result.size(); i < e; ++i)
      result[i] = fn(x[i]);
  });
}

template <typename Fn> void RowProgram::addBinary(Operation &op, Fn fn) {
  unsigned a = slotOf.at(op.getOperand(0)), b = slotOf.at(op.getOperand(1)),
           out = addSlot(op.getResult(0));
  steps.push_back([=](Slots &slots) {
    const double *x = slots[a].data(), *y = slots[b].data();
    std::vector<double> &result = slots[out];
    for (size_t i = 0, e = result.size(); i < e; ++i)
      result[i] = fn(x[i], y[i]);
  });
}

template <typename Fn> void RowProgram::addTernary(Operation &op, Fn fn) {
  unsigned a = slotOf.at(op.getOperand(0)), b = slotOf.at(op.getOperand(1)),
           c = slotOf.at(op.getOperand(2)), out = addSlot(op.getResult(0));
  // A select between rows may have one condition for the whole row.
  size_t stride = slots[a].size() == 1 ? 0 : 1;
  steps.push_back([=](Slots &slots) {
    const double *x = slots[a].data(), *y = slots[b].data(),
                 *z = slots[c].data();
    std::vector<double> &result = slots[out];
    for (size_t i = 0, e = result.size(); i < e; ++i)
      result[i] = fn(x[i * stride], y[i], z[i]);
  });
}

static double maximum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
}

static double minimum(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b);
}

static bool compare(arith::CmpFPredicate predicate, double a, double b) {
  using P = arith::CmpFPredicate;
  bool unordered = std::isnan(a) || std::isnan(b);
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::ORD:
    return !unordered;
  case P::UNO:
    return unordered;
  case P::OEQ:
    return a == b;
  case P::OGT:
    return a > b;
  case P::OGE:
    return a >= b;
  case P::OLT:
    return a < b;
  case P::OLE:
    return a <= b;
  case P::ONE:
    return !unordered && a != b;
  case P::UEQ:
    return unordered || a == b;
  case P::UGT:
    return unordered || a > b;
  case P::UGE:
    return unordered || a >= b;
  case P::ULT:
    return unordered || a < b;
  case P::ULE:
    return unordered || a <= b;
  case P::UNE:
    return unordered || a != b;
  }
  return false;
}

static bool compare(arith::CmpIPredicate predicate, int64_t a, int64_t b) {
  using P = arith::CmpIPredicate;
  auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (predicate) {
  case P::eq:
    return a == b;
  case P::ne:
    return a != b;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return ua < ub;
  case P::ule:
    return ua <= ub;
  case P::ugt:
    return ua > ub;
  case P::uge:
    return ua >= ub;
  }
  return false;
}

/// fn(a, b) on integers; NaN where one of them was never written.
template <typename Fn> static double onIntegers(double a, double b, Fn fn) {
  if (std::isnan(a) || std::isnan(b))
    return a + b;
  return static_cast<double>(fn(int64_t(a), int64_t(b)));
}

bool RowProgram::addArithmetic(Operation &op) {
  return TypeSwitch<Operation *, bool>(&op)
      .Case<arith::ConstantOp>([&](arith::ConstantOp constant) {
        unsigned out = addSlot(constant.getResult());
        return readElements(constant.getValue(), slots[out]);
      })
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) {
        addBinary(op, [](double a, double b) { return a + b; });
        return true;
      })
      .Case<arith::SubFOp, arith::SubIOp>([&](auto) {
        addBinary(op, [](double a, double b) { return a - b; });
        return true;
      })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) {
        addBinary(op, [](double a, double b) { return a * b; });
        return true;
      })
      .Case<arith::DivFOp>([&](auto) {
        addBinary(op, [](double a, double b) { return a / b; });
        return true;
      })
      .Case<arith::NegFOp>([&](auto) {
        addUnary(op, [](double a) { return -a; });
        return true;
      })
      .Case<arith::MaximumFOp>([&](auto) {
        addBinary(op, maximum);
        return true;
      })
      .Case<arith::MinimumFOp>([&](auto) {
        addBinary(op, minimum);
        return true;
      })
      .Case<arith::CmpFOp>([&](arith::CmpFOp cmp) {
        addBinary(op, [predicate = cmp.getPredicate()](double a, double b) {
          return double(compare(predicate, a, b));
        });
        return true;
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp cmp) {
        addBinary(op, [predicate = cmp.getPredicate()](double a, double b) {
          return onIntegers(a, b, [=](int64_t x, int64_t y) {
            return compare(predicate, x, y);
          });
        });
        return true;
      })
      .Case<arith::AndIOp>([&](auto) {
        addBinary(op, [](double a, double b) {
          return onIntegers(a, b, [](int64_t x, int64_t y) { return x & y; });
        });
        return true;
      })
      .Case<arith::OrIOp>([&](auto) {
        addBinary(op, [](double a, double b) {
          return onIntegers(a, b, [](int64_t x, int64_t y) { return x | y; });
        });
        return true;
      })
      .Case<arith::XOrIOp>([&](auto) {
        addBinary(op, [](double a, double b) {
          return onIntegers(a, b, [](int64_t x, int64_t y) { return x ^ y; });
        });
        return true;
      })
      .Case<arith::SelectOp>([&](auto) {
        addTernary(op, [](double c, double a, double b) {
          return std::isnan(c) ? c : (c != 0 ? a : b);
        });
        return true;
      })
      .Case<arith::SIToFPOp>([&](arith::SIToFPOp convert) {
        // A true i1 is -1 where it has a sign.
        double sign =
            getElementTypeOrSelf(convert.getIn().getType()).isInteger(1) ? -1
                                                                         : 1;
        addUnary(op, [sign](double a) { return sign * a; });
        return true;
      })
      .Case<arith::IndexCastOp, arith::UIToFPOp, arith::ExtUIOp, arith::ExtFOp,
            arith::TruncFOp>([&](auto) {
        addUnary(op, [](double a) { return a; });
        return true;
      })
      .Default([](Operation *) { return false; });
}

bool RowProgram::addMath(Operation &op) {
  return TypeSwitch<Operation *, bool>(&op)
      .Case<math::SqrtOp>([&](auto) {
        addUnary(op, [](double a) { return std::sqrt(a); });
        return true;
      })
      .Case<math::RsqrtOp>([&](auto) {
        addUnary(op, [](double a) { return 1 / std::sqrt(a); });
        return true;
      })
      .Case<math::ExpOp>([&](auto) {
        addUnary(op, [](double a) { return std::exp(a); });
        return true;
      })
      .Case<math::Exp2Op>([&](auto) {
        addUnary(op, [](double a) { return std::exp2(a); });
        return true;
      })
      .Case<math::LogOp>([&](auto) {
        addUnary(op, [](double a) { return std::log(a); });
        return true;
      })
      .Case<math::Log2Op>([&](auto) {
        addUnary(op, [](double a) { return std::log2(a); });
        return true;
      })
      .Case<math::TanhOp>([&](auto) {
        addUnary(op, [](double a) { return std::tanh(a); });
        return true;
      })
      .Case<math::ErfOp>([&](auto) {
        addUnary(op, [](double a) { return std::erf(a); });
        return true;
      })
      .Case<math::AbsFOp>([&](auto) {
        addUnary(op, [](double a) { return std::abs(a); });
        return true;
      })
      .Case<math::PowFOp>([&](auto) {
        addBinary(op, [](double a, double b) { return std::pow(a, b); });
        return true;
      })
      .Case<math::CopySignOp>([&](auto) {
        addBinary(op, [](double a, double b) { return std::copysign(a, b); });
        return true;
      })
      .Case<math::FmaOp>([&](auto) {
        addTernary(op, [](double a, double b, double c) { return a * b + c; });
        return true;
      })
      .Default([](Operation *) { return false; });
}

bool RowProgram::addVector(Operation &op) {
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op)) {
    if (isa<VectorType>(broadcast.getSource().getType()))
      return false;
    unsigned a = slotOf.at(broadcast.getSource()),
             out = addSlot(broadcast.getResult());
    steps.push_back([=](Slots &slots) {
      slots[out].assign(slots[out].size(), slots[a][0]);
    });
    return true;
  }
  if (isa<vector::StepOp>(op)) {
    unsigned out = addSlot(op.getResult(0));
    for (size_t i = 0; i < slots[out].size(); ++i)
      slots[out][i] = static_cast<double>(i);
    return true;
  }
  auto reduction = dyn_cast<vector::ReductionOp>(op);
  if (!reduction)
    return false;

  double (*combine)(double, double) = nullptr;
  double start = 0;
  switch (reduction.getKind()) {
  case vector::CombiningKind::ADD:
    combine = [](double a, double b) { return a + b; };
    break;
  case vector::CombiningKind::MUL:
    combine = [](double a, double b) { return a * b; };
    start = 1;
    break;
  case vector::CombiningKind::MAXIMUMF:
    combine = maximum;
    start = -std::numeric_limits<double>::infinity();
    break;
  case vector::CombiningKind::MINIMUMF:
    combine = minimum;
    start = std::numeric_limits<double>::infinity();
    break;
  default:
    return false;
  }
  unsigned a = slotOf.at(reduction.getVector());
  int acc = reduction.getAcc() ? int(slotOf.at(reduction.getAcc())) : -1;
  unsigned out = addSlot(reduction.getDest());
  steps.push_back([=](Slots &slots) {
    double total = acc < 0 ? start : slots[acc][0];
    for (double element : slots[a])
      total = combine(total, element);
    slots[out][0] = total;
  });
  return true;
}

LogicalResult RowProgram::addStep(Operation &op, StopGradientTape *tape) {
  if (isa<StopGradientOp>(op)) {
    unsigned a = slotOf.at(op.getOperand(0)), out = addSlot(op.getResult(0));
    steps.push_back([=](Slots &slots) {
      slots[out] = slots[a];
      if (tape)
        tape->pass(slots[out]);
    });
    return success();
  }
  if (addArithmetic(op) || addMath(op) || addVector(op))
    return success();
  return op.emitError() << "the interpreter knows no operation '"
                        << op.getName() << "' of this form in a row program";
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

FailureOr<RowProgram> RowProgram::decode(Block &body, StopGradientTape *tape) {
  RowProgram program;
  for (BlockArgument argument : body.getArguments())
    program.addSlot(argument);
  for (Operation &op : body.without_terminator())
    if (failed(program.addStep(op, tape)))
      return failure();
  for (Value value : body.getTerminator()->getOperands())
    program.yields.push_back(program.slotOf.at(value));
  return program;
}

void RowProgram::run() {
  for (auto &step : steps)
    step(slots);
}
