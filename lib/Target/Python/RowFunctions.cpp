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
#include "mlir/IR/TypeUtilities.h"
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

/// What broadcasting has left out of a value.
struct Extent {
  /// A Python number rather than a tensor.
  bool isNumber = false;
  /// A number or a tensor [..., 1], though the value may be a row.
  bool isColumn = false;
  /// A tensor with all dimensions of the domain before the last.
  bool hasRows = false;

  static Extent number() { return {true, true, false}; }
  Extent joined(const Extent &other) const {
    return {isNumber && other.isNumber, isColumn && other.isColumn,
            hasRows || other.hasRows};
  }
};

struct Expression {
  std::string text;
  Level level = kAtom;
  Extent extent = {};
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
  bool isNumber(Value value) { return values[value].extent.isNumber; }
  Extent extentOf(Operation *op);
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
  /// A name for the text of `value`, which may be used more than once then.
  const std::string &named(Value value);
  /// `value`, not a number, with all its columns.
  std::string allColumns(Value value);
  /// `value` as the function returns it.
  FailureOr<std::string> returned(Value value);

  RowwiseOp op;
  llvm::DenseMap<Value, Expression> values;
  std::string lines;
  /// An argument with all dimensions of the domain, or empty.
  std::string whole;
  unsigned temporaries = 0;
};
} // namespace

Extent BodyPrinter::extentOf(Operation *op) {
  Extent extent = Extent::number();
  for (Value value : op->getOperands())
    extent = extent.joined(values[value].extent);
  return extent;
}

Expression BodyPrinter::binary(Operation *op, StringRef sign, Level level,
                               bool isAssociative) {
  Value left = op->getOperand(0), right = op->getOperand(1);
  Level rightLevel = isAssociative ? level : Level(level + 1);
  return {operand(left, level) + sign.str() + operand(right, rightLevel), level,
          extentOf(op)};
}

Expression BodyPrinter::call(StringRef function, Operation *op) {
  Extent extent = extentOf(op);
  std::string text;
  for (Value value : op->getOperands())
    text += (text.empty() ? "" : ", ") + values[value].text;
  return {(extent.isNumber ? "math." : "torch.") + function.str() + "(" + text +
              ")",
          kAtom, extent};
}

Expression BodyPrinter::extremum(Operation *op, StringRef name) {
  Value left = op->getOperand(0), right = op->getOperand(1);
  Extent extent = extentOf(op);
  if (extent.isNumber)
    return {name.str() + "(" + values[left].text + ", " + values[right].text +
                ")",
            kAtom, extent};
  if (isNumber(left))
    std::swap(left, right);
  // The bound that max(x, number) puts on x is the smallest value.
  if (isNumber(right))
    return {operand(left, kAtom) +
                (name == "max" ? ".clamp(min=" : ".clamp(max=") +
                values[right].text + ")",
            kAtom, extent};
  return {"torch." + name.str() + "imum(" + values[left].text + ", " +
              values[right].text + ")",
          kAtom, extent};
}

const std::string &BodyPrinter::named(Value value) {
  Expression &e = values[value];
  if (llvm::all_of(e.text, [](char c) { return llvm::isAlnum(c); }))
    return e.text;
  std::string name = "t" + std::to_string(temporaries++);
  lines += "    " + name + " = " + e.text + "\n";
  e = {name, kAtom, e.extent};
  return e.text;
}

std::string BodyPrinter::allColumns(Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  if (!type || !values[value].extent.isColumn)
    return operand(value, kAtom);
  const std::string &name = named(value);
  return name + ".expand(*" + name + ".shape[:-1], " +
         std::to_string(type.getNumElements()) + ")";
}

FailureOr<std::string> BodyPrinter::returned(Value value) {
  auto type = dyn_cast<VectorType>(value.getType());
  std::string columns = std::to_string(type ? type.getNumElements() : 1);
  const Extent &extent = values[value].extent;
  std::string text;
  if (!extent.hasRows) {
    if (whole.empty()) {
      op.emitError("yields a row whose operands do not have its domain: it has "
                   "no Python form");
      return failure();
    }
    std::string rows = whole + ".shape[:-1], " + columns;
    text = extent.isNumber ? whole + ".new_full((*" + rows + "), " +
                                 values[value].text + ")"
                           : operand(value, kAtom) + ".expand(*" + rows + ")";
  } else if (type && !extent.isColumn) {
    text = values[value].text;
  } else {
    text = allColumns(value);
  }
  // One number a row leaves as a tensor of rows.
  return type ? text : text + ".squeeze(-1)";
}

std::optional<Expression> BodyPrinter::constant(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return {};
  if (auto splat = dyn_cast<SplatElementsAttr>(attr))
    attr = splat.getSplatValue<Attribute>();
  Expression e;
  e.extent = Extent::number();
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
        return Expression{operand(mul.getLhs(), kProduct) + " / " +
                              right.inverseOf,
                          kProduct, extentOf(mul)};
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
                          extentOf(op)};
      })
      .Case([&](math::PowFOp) {
        return Expression{operand(op->getOperand(0), kAtom) + " ** " +
                              operand(op->getOperand(1), kPower),
                          kPower, extentOf(op)};
      })
      .Case([&](arith::MaximumFOp) { return extremum(op, "max"); })
      .Case([&](arith::MinimumFOp) { return extremum(op, "min"); })
      .Case([&](arith::CmpFOp cmp) -> FailureOr<Expression> {
        StringRef sign = comparison(cmp.getPredicate());
        if (sign.empty())
          return refuse();
        return Expression{operand(cmp.getLhs(), kSum) + sign.str() +
                              operand(cmp.getRhs(), kSum),
                          kCompare, extentOf(cmp)};
      })
      .Case([&](arith::SelectOp select) -> FailureOr<Expression> {
        // torch.where takes no Python condition.
        if (isNumber(select.getCondition()))
          return refuse();
        return call("where", op);
      })
      .Case([&](StopGradientOp stop) {
        const Expression &inner = values[stop.getValue()];
        if (inner.extent.isNumber)
          return Expression(inner);
        return Expression{operand(stop.getValue(), kAtom) + ".detach()", kAtom,
                          inner.extent};
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
        if (method.empty() || reduce.getAcc() || isNumber(reduce.getVector()))
          return refuse();
        Extent extent = extentOf(reduce);
        extent.isColumn = true;
        return Expression{allColumns(reduce.getVector()) + "." + method.str() +
                              "(-1, keepdim=True)",
                          kAtom, extent};
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
        if (e.extent.isNumber && name == "abs")
          e.text = e.text.substr(5);
        if (e.extent.isNumber && name == "rsqrt")
          e.text = "(1.0 / math.sqrt" + e.text.substr(10) + ")";
        return e;
      });
}

FailureOr<std::string> BodyPrinter::print() {
  Block &body = *op.getBodyBlock();
  std::string arguments;
  auto argument = [&](Value value, const Twine &name, Extent extent) {
    extent.isColumn |= !isa<VectorType>(value.getType());
    values[value] = {name.str(), kAtom, extent};
    arguments += (arguments.empty() ? "" : ", ") + name.str();
  };
  for (unsigned i = 0; i < op.getRows().size(); ++i) {
    Value value = op.getRowArgument(i);
    AffineMap map = op.getRowMap(i);
    Extent extent;
    extent.hasRows = map.getNumResults() == map.getNumDims();
    argument(value, "x" + Twine(i), extent);
    if (whole.empty() && extent.hasRows &&
        getElementTypeOrSelf(value.getType()).isF32())
      whole = values[value].text;
  }
  if (op.getRows().empty()) {
    arguments = "rows";
    if (op.getDomain().size() == 1)
      whole = arguments;
  }
  for (unsigned i = 0; i < op.getShared().size(); ++i)
    argument(op.getSharedArgument(i), "w" + Twine(i), {});
  for (unsigned i = 0; i < op.getValues().size(); ++i)
    argument(op.getValueArgument(i), "c" + Twine(i), Extent::number());

  for (Operation &inner : body.without_terminator()) {
    FailureOr<Expression> e = expressionOf(&inner);
    if (failed(e))
      return failure();
    Value result = inner.getResult(0);
    values[result] = *e;
    bool keeps = isa<vector::ReductionOp>(inner) ||
                 (!result.hasOneUse() && !e->extent.isNumber &&
                  !isa<vector::BroadcastOp>(inner));
    if (keeps && !result.use_empty())
      named(result);
  }
  std::string results;
  for (Value row : op.getYield().getRows()) {
    FailureOr<std::string> text = returned(row);
    if (failed(text))
      return failure();
    results += (results.empty() ? "" : ", ") + *text;
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
