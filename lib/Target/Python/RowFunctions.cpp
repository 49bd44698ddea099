//===- RowFunctions.cpp - Row programs as Python functions ----------------===//
//
//   ^bb0(%x: vector<512xf32>, %gain: vector<512xf32>):
//     %s = arith.mulf %x, %x
//     %t = vector.reduction <add>, %s
//     ...
//   =>
//   def attention_read(x0, w0):
//       t0 = (x0 * x0).sum(-1, keepdim=True)
//       return x0 * (1.0 / torch.sqrt(t0 * 0.001953125 + 1e-06)) * w0
//
// Reductions and what is used more than once get a name, everything else
// stands where it is used.
//
//===----------------------------------------------------------------------===//

#include "RowFunctions.h"

#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

#include <charconv>
#include <cmath>

using namespace mlir;
using namespace mixln;

std::string mixln::pythonName(StringRef text) {
  std::string name;
  for (char c : text)
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name.front()))
    name.insert(name.begin(), '_');
  return name;
}

std::string mixln::pythonNumber(double value, bool isFloat32) {
  if (std::isnan(value))
    return "math.nan";
  if (std::isinf(value))
    return value > 0 ? "math.inf" : "-math.inf";
  char buffer[40];
  auto result = isFloat32
                    ? std::to_chars(buffer, std::end(buffer), float(value))
                    : std::to_chars(buffer, std::end(buffer), value);
  std::string text(buffer, result.ptr);
  if (text.find_first_of(".en") == std::string::npos)
    text += ".0";
  return text;
}

namespace {
/// How tightly Python's operators bind.
enum Level { kCompare, kSum, kProduct, kSign, kPower, kAtom };

struct Expression {
  std::string text;
  Level level = kAtom;
  /// A Python number rather than a tensor.
  bool isNumber = false;
  /// Of 1 / x: the text of x, so that y * (1 / x) is printed as y / x.
  std::string inverseOf = {};
};

class BodyPrinter {
public:
  explicit BodyPrinter(RowwiseOp op) : op(op) {}

  /// Signature without the name, and body.
  FailureOr<std::string> print();

private:
  FailureOr<Expression> expressionOf(Operation *op);
  std::optional<Expression> constant(Value value);
  /// `value` as an operand of something that binds as tightly as `level`.
  std::string operand(Value value, Level level) {
    const Expression &e = values[value];
    return e.level < level ? "(" + e.text + ")" : e.text;
  }
  Expression binary(Operation *op, StringRef sign, Level level,
                    bool isAssociative);
  Expression call(StringRef function, Operation *op);
  /// torch.maximum or torch.minimum, which take tensors only.
  Expression extremum(Operation *op, StringRef name);

  RowwiseOp op;
  llvm::DenseMap<Value, Expression> values;
  std::string lines;
  unsigned temporaries = 0;
};
} // namespace

Expression BodyPrinter::binary(Operation *op, StringRef sign, Level level,
                               bool isAssociative) {
  Value left = op->getOperand(0), right = op->getOperand(1);
  Level rightLevel = isAssociative ? level : Level(level + 1);
  return {operand(left, level) + sign.str() + operand(right, rightLevel), level,
          values[left].isNumber && values[right].isNumber};
}

Expression BodyPrinter::call(StringRef function, Operation *op) {
  bool isNumber = llvm::all_of(op->getOperands(),
                               [&](Value v) { return values[v].isNumber; });
  std::string text;
  for (Value value : op->getOperands())
    text += (text.empty() ? "" : ", ") + values[value].text;
  return {(isNumber ? "math." : "torch.") + function.str() + "(" + text + ")",
          kAtom, isNumber};
}

Expression BodyPrinter::extremum(Operation *op, StringRef name) {
  Value left = op->getOperand(0), right = op->getOperand(1);
  if (values[left].isNumber && values[right].isNumber)
    return {name.str() + "(" + values[left].text + ", " + values[right].text +
                ")",
            kAtom, true};
  if (values[left].isNumber)
    std::swap(left, right);
  // The bound that max(x, number) puts on x is the smallest value.
  if (values[right].isNumber)
    return {operand(left, kAtom) +
                (name == "max" ? ".clamp(min=" : ".clamp(max=") +
                values[right].text + ")",
            kAtom};
  return {"torch." + name.str() + "imum(" + values[left].text + ", " +
              values[right].text + ")",
          kAtom};
}

std::optional<Expression> BodyPrinter::constant(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return {};
  if (auto splat = dyn_cast<SplatElementsAttr>(attr))
    attr = splat.getSplatValue<Attribute>();
  Expression e;
  e.isNumber = true;
  if (auto number = dyn_cast<FloatAttr>(attr))
    e.text = pythonNumber(number.getValueAsDouble(), true);
  else if (auto integer = dyn_cast<IntegerAttr>(attr))
    e.text = std::to_string(integer.getInt());
  else
    return {};
  if (e.text.front() == '-')
    e.level = kSign;
  return e;
}

static StringRef comparison(arith::CmpFPredicate predicate) {
  switch (predicate) {
  case arith::CmpFPredicate::OGT:
  case arith::CmpFPredicate::UGT:
    return " > ";
  case arith::CmpFPredicate::OGE:
  case arith::CmpFPredicate::UGE:
    return " >= ";
  case arith::CmpFPredicate::OLT:
  case arith::CmpFPredicate::ULT:
    return " < ";
  case arith::CmpFPredicate::OLE:
  case arith::CmpFPredicate::ULE:
    return " <= ";
  case arith::CmpFPredicate::OEQ:
  case arith::CmpFPredicate::UEQ:
    return " == ";
  case arith::CmpFPredicate::ONE:
  case arith::CmpFPredicate::UNE:
    return " != ";
  default:
    return "";
  }
}

FailureOr<Expression> BodyPrinter::expressionOf(Operation *op) {
  if (op->getNumResults() == 1)
    if (std::optional<Expression> number = constant(op->getResult(0)))
      return *number;
  auto refuse = [&]() -> FailureOr<Expression> {
    op->emitError("has no Python form");
    return failure();
  };
  return TypeSwitch<Operation *, FailureOr<Expression>>(op)
      .Case([&](arith::AddFOp) { return binary(op, " + ", kSum, true); })
      .Case([&](arith::SubFOp) { return binary(op, " - ", kSum, false); })
      .Case([&](arith::MulFOp mul) {
        const Expression &right = values[mul.getRhs()];
        if (right.inverseOf.empty())
          return binary(op, " * ", kProduct, true);
        return Expression{
            operand(mul.getLhs(), kProduct) + " / " + right.inverseOf, kProduct,
            values[mul.getLhs()].isNumber && right.isNumber};
      })
      .Case([&](arith::DivFOp div) {
        Expression e = binary(op, " / ", kProduct, false);
        Attribute one;
        if (matchPattern(div.getLhs(), m_Constant(&one)) &&
            values[div.getLhs()].text == "1.0")
          e.inverseOf = operand(div.getRhs(), kSign);
        return e;
      })
      .Case([&](arith::NegFOp) {
        return Expression{"-" + operand(op->getOperand(0), kSign), kSign,
                          values[op->getOperand(0)].isNumber};
      })
      .Case([&](math::PowFOp) {
        return Expression{operand(op->getOperand(0), kAtom) + " ** " +
                              operand(op->getOperand(1), kPower),
                          kPower,
                          values[op->getOperand(0)].isNumber &&
                              values[op->getOperand(1)].isNumber};
      })
      .Case([&](arith::MaximumFOp) { return extremum(op, "max"); })
      .Case([&](arith::MinimumFOp) { return extremum(op, "min"); })
      .Case([&](arith::CmpFOp cmp) -> FailureOr<Expression> {
        StringRef sign = comparison(cmp.getPredicate());
        if (sign.empty())
          return refuse();
        return Expression{operand(cmp.getLhs(), kSum) + sign.str() +
                              operand(cmp.getRhs(), kSum),
                          kCompare};
      })
      .Case([&](arith::SelectOp) { return call("where", op); })
      .Case([&](StopGradientOp stop) {
        const Expression &inner = values[stop.getValue()];
        if (inner.isNumber)
          return Expression(inner);
        return Expression{operand(stop.getValue(), kAtom) + ".detach()", kAtom};
      })
      .Case([&](vector::BroadcastOp broadcast) {
        return values[broadcast.getSource()];
      })
      .Case([&](vector::ReductionOp reduce) -> FailureOr<Expression> {
        StringRef method =
            reduce.getKind() == vector::CombiningKind::ADD        ? "sum"
            : reduce.getKind() == vector::CombiningKind::MAXIMUMF ? "amax"
            : reduce.getKind() == vector::CombiningKind::MINIMUMF ? "amin"
                                                                  : "";
        if (method.empty() || reduce.getAcc() ||
            values[reduce.getVector()].isNumber)
          return refuse();
        return Expression{operand(reduce.getVector(), kAtom) + "." +
                              method.str() + "(-1, keepdim=True)",
                          kAtom};
      })
      .Default([&](Operation *op) -> FailureOr<Expression> {
        StringRef name = StringSwitch<StringRef>(op->getName().getStringRef())
                             .Case("math.sqrt", "sqrt")
                             .Case("math.exp", "exp")
                             .Case("math.exp2", "exp2")
                             .Case("math.log", "log")
                             .Case("math.tanh", "tanh")
                             .Case("math.erf", "erf")
                             .Case("math.absf", "abs")
                             .Case("math.rsqrt", "rsqrt")
                             .Default("");
        if (name.empty())
          return refuse();
        Expression e = call(name, op);
        if (e.isNumber && name == "abs")
          e.text = e.text.substr(5);
        if (e.isNumber && name == "rsqrt")
          e.text = "(1.0 / math.sqrt" + e.text.substr(10) + ")";
        return e;
      });
}

FailureOr<std::string> BodyPrinter::print() {
  Block &body = *op.getBodyBlock();
  std::string arguments;
  auto argument = [&](Value value, const Twine &name, bool isNumber) {
    values[value] = {name.str(), kAtom, isNumber};
    arguments += (arguments.empty() ? "" : ", ") + name.str();
  };
  for (unsigned i = 0; i < op.getRows().size(); ++i)
    argument(op.getRowArgument(i), "x" + Twine(i), false);
  for (unsigned i = 0; i < op.getShared().size(); ++i)
    argument(op.getSharedArgument(i), "w" + Twine(i), false);
  for (unsigned i = 0; i < op.getValues().size(); ++i)
    argument(op.getValueArgument(i), "c" + Twine(i), true);

  YieldOp yield = op.getYield();
  for (Operation &inner : body.without_terminator()) {
    FailureOr<Expression> e = expressionOf(&inner);
    if (failed(e))
      return failure();
    Value result = inner.getResult(0);
    bool keeps = isa<vector::ReductionOp>(inner) ||
                 (!result.hasOneUse() && !e->isNumber &&
                  !isa<vector::BroadcastOp>(inner));
    if (keeps && !result.use_empty()) {
      std::string name = "t" + std::to_string(temporaries++);
      lines += "    " + name + " = " + e->text + "\n";
      values[result] = {name, kAtom, false};
      continue;
    }
    values[result] = *e;
  }
  std::string results;
  for (Value row : yield.getRows()) {
    if (values[row].isNumber) {
      yield.emitError("yields a row that depends on no operand: it has no "
                      "Python form");
      return failure();
    }
    std::string text = values[row].text;
    // One number a row leaves as a tensor of rows.
    if (!isa<VectorType>(row.getType()))
      text = operand(row, kAtom) + ".squeeze(-1)";
    results += (results.empty() ? "" : ", ") + text;
  }
  return "(" + arguments + "):\n" + lines + "    return " + results + "\n";
}

FailureOr<std::string> RowFunctions::nameOf(RowwiseOp op) {
  FailureOr<std::string> text = BodyPrinter(op).print();
  if (failed(text))
    return failure();
  std::string &name = names[*text];
  if (name.empty()) {
    // The site without the layer: equal layers share the function.
    SmallVector<StringRef> words, kept;
    getSite(op).split(words, '.');
    for (StringRef word : words)
      if (word != "layers" && !llvm::all_of(word, llvm::isDigit))
        kept.push_back(word);
    name = pythonName(llvm::join(kept, "_"));
    if (unsigned count = used[name]++)
      name += "_" + std::to_string(count + 1);
    name = "row_" + name;
    texts.push_back("@rowwise\ndef " + name + *text);
  }
  return name;
}

std::string RowFunctions::print() const { return llvm::join(texts, "\n\n"); }
