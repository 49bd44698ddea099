//===- RowPrinter.cpp - Row programs as formulas --------------------------===//
//
// Reads the operations of a row program back as a formula. A norm is found by
// comparing operations with the region of its kind, not by any name.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Expand/Explain.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

namespace {
/// How tightly the outermost operator of a text binds.
enum Level { kSum = 1, kProduct = 2, kSign = 3, kAtom = 4 };

struct Text {
  std::string text;
  Level level;
};

class RowPrinter {
public:
  RowPrinter(ArrayRef<NormKindOp> kinds,
             std::function<std::string(BlockArgument)> nameOf)
      : kinds(kinds), nameOf(std::move(nameOf)) {}

  Text print(Value value) {
    // Repeated subformulas make the text long, never endless.
    if (++depth > 200 || length > 20000)
      return {"...", kAtom};
    Text text = printValue(value);
    --depth;
    length += text.text.size();
    return text;
  }

private:
  /// `value` as an operand that must bind at least as tightly as `level`.
  std::string operand(Value value, Level level) {
    Text text = print(value);
    return text.level < level ? "(" + text.text + ")" : text.text;
  }

  static std::optional<double> constantOf(Value value) {
    while (auto op = value.getDefiningOp<vector::BroadcastOp>())
      value = op.getSource();
    Attribute attr;
    if (!matchPattern(value, m_Constant(&attr)))
      return {};
    if (auto splat = dyn_cast<SplatElementsAttr>(attr))
      attr = splat.getSplatValue<Attribute>();
    auto number = dyn_cast<FloatAttr>(attr);
    if (!number)
      return {};
    return number.getValueAsDouble();
  }

  static bool isOne(Value value) { return constantOf(value) == 1.0; }

  static std::string number(double value) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%.6g", value);
    return text;
  }

  //===--------------------------------------------------------------------===//
  // Norms
  //===--------------------------------------------------------------------===//

  using Bindings = llvm::DenseMap<Value, Value>;

  /// Whether `value` is computed as `pattern` is, with values for its
  /// arguments.
  static bool matches(Value pattern, Value value, Bindings &bindings) {
    auto [it, isNew] = bindings.try_emplace(pattern, value);
    if (!isNew)
      return it->second == value;
    if (pattern.getType() != value.getType())
      return false;
    Operation *wanted = pattern.getDefiningOp();
    if (!wanted)
      return true;
    Operation *op = value.getDefiningOp();
    if (!op || op->getName() != wanted->getName() ||
        op->getNumOperands() != wanted->getNumOperands() ||
        op->getPropertiesAsAttribute() != wanted->getPropertiesAsAttribute())
      return false;
    return llvm::all_of(
        llvm::zip(wanted->getOperands(), op->getOperands()), [&](auto pair) {
          return matches(std::get<0>(pair), std::get<1>(pair), bindings);
        });
  }

  /// The call `KIND.SITE(row)` if `value` is one.
  std::optional<Text> norm(Value value) {
    for (NormKindOp kind : kinds) {
      Block &body = kind.getBody().front();
      Value result = cast<YieldOp>(body.getTerminator()).getRows().front();
      Bindings bindings;
      if (!result.getDefiningOp() || !matches(result, value, bindings))
        continue;
      // All parameters have one prefix.
      std::string prefix;
      bool isNorm = true;
      for (auto [i, name] : llvm::enumerate(kind.getParams())) {
        auto argument = dyn_cast_or_null<BlockArgument>(
            bindings.lookup(body.getArgument(i + 1)));
        StringRef paramName = argument ? paramOf(argument) : StringRef();
        isNorm &= paramName.consume_back(cast<StringAttr>(name).getValue()) &&
                  paramName.consume_back(".") &&
                  (prefix.empty() || prefix == paramName);
        prefix = paramName.str();
      }
      Value row = bindings.lookup(body.getArgument(0));
      if (!isNorm || !row)
        continue;
      StringRef kindName = kind.getSymName().rsplit('.').first;
      return Text{kindName.str() + (prefix.empty() ? "" : "." + prefix) + "(" +
                      print(row).text + ")",
                  kAtom};
    }
    return {};
  }

  StringRef paramOf(BlockArgument argument) {
    return names.try_emplace(argument, nameOf(argument)).first->second;
  }

  //===--------------------------------------------------------------------===//
  // Operations
  //===--------------------------------------------------------------------===//

  /// a in 1 / (1 + exp(-a)), or null.
  static Value sigmoidOperand(Value value) {
    auto div = value.getDefiningOp<arith::DivFOp>();
    if (!div || !isOne(div.getLhs()))
      return {};
    auto add = div.getRhs().getDefiningOp<arith::AddFOp>();
    if (!add || !isOne(add.getLhs()))
      return {};
    auto exp = add.getRhs().getDefiningOp<math::ExpOp>();
    auto neg =
        exp ? exp.getOperand().getDefiningOp<arith::NegFOp>() : arith::NegFOp();
    return neg ? neg.getOperand() : Value();
  }

  Text binary(Operation *op, StringRef sign, Level level, bool isAssociative) {
    std::string left = operand(op->getOperand(0), level);
    std::string right =
        operand(op->getOperand(1), isAssociative ? level : Level(level + 1));
    return {left + sign.str() + right, level};
  }

  Text call(StringRef function, ValueRange operands) {
    std::string text;
    for (Value value : operands)
      text += (text.empty() ? "" : ", ") + print(value).text;
    return {function.str() + "(" + text + ")", kAtom};
  }

  static StringRef reductionName(vector::CombiningKind kind) {
    switch (kind) {
    case vector::CombiningKind::ADD:
      return "sum";
    case vector::CombiningKind::MUL:
      return "product";
    case vector::CombiningKind::MAXIMUMF:
    case vector::CombiningKind::MAXNUMF:
      return "max";
    case vector::CombiningKind::MINIMUMF:
    case vector::CombiningKind::MINNUMF:
      return "min";
    default:
      return vector::stringifyCombiningKind(kind);
    }
  }

  Text product(arith::MulFOp op) {
    Value left = op.getLhs(), right = op.getRhs();
    if (sigmoidOperand(right) == left && left)
      return call("silu", left);
    // A sum divided by its number of terms, and a row times 1 / number.
    if (auto sum = left.getDefiningOp<vector::ReductionOp>())
      if (std::optional<double> share = constantOf(right);
          share && !sum.getAcc() &&
          sum.getKind() == vector::CombiningKind::ADD &&
          std::fabs(*share * sum.getSourceVectorType().getDimSize(0) - 1) <
              1e-6)
        return call("mean", sum.getVector());
    Value scalar = right;
    while (auto broadcast = scalar.getDefiningOp<vector::BroadcastOp>())
      scalar = broadcast.getSource();
    if (auto div = scalar.getDefiningOp<arith::DivFOp>())
      if (isOne(div.getLhs()) && !sigmoidOperand(scalar))
        return {operand(left, kProduct) + " / " + operand(div.getRhs(), kSign),
                kProduct};
    return binary(op, " * ", kProduct, true);
  }

  Text printValue(Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      return {paramOf(argument).str(), kAtom};
    if (std::optional<double> constant = constantOf(value))
      return {number(*constant), *constant < 0 ? kSign : kAtom};
    if (auto op = value.getDefiningOp<vector::BroadcastOp>())
      return print(op.getSource());
    if (std::optional<Text> text = norm(value))
      return *text;
    if (Value inner = sigmoidOperand(value))
      return call("sigmoid", inner);
    Operation *op = value.getDefiningOp();
    if (auto mul = dyn_cast<arith::MulFOp>(op))
      return product(mul);
    if (isa<arith::AddFOp>(op))
      return binary(op, " + ", kSum, true);
    if (isa<arith::SubFOp>(op))
      return binary(op, " - ", kSum, false);
    if (isa<arith::DivFOp>(op))
      return binary(op, " / ", kProduct, false);
    if (isa<arith::NegFOp>(op))
      return {"-" + operand(op->getOperand(0), kSign), kSign};
    if (isa<math::PowFOp>(op))
      return {operand(op->getOperand(0), kAtom) + "^" +
                  operand(op->getOperand(1), kAtom),
              kSign};
    if (auto reduction = dyn_cast<vector::ReductionOp>(op))
      return call(reductionName(reduction.getKind()), op->getOperands());
    StringRef name = op->getName().stripDialect();
    name = llvm::StringSwitch<StringRef>(name)
               .Case("absf", "abs")
               .Case("maximumf", "max")
               .Case("minimumf", "min")
               .Default(name);
    return call(name, op->getOperands());
  }

  ArrayRef<NormKindOp> kinds;
  std::function<std::string(BlockArgument)> nameOf;
  llvm::DenseMap<Value, std::string> names;
  int depth = 0;
  size_t length = 0;
};
} // namespace

std::string mixln::formulaOf(Value value, ArrayRef<NormKindOp> kinds,
                             std::function<std::string(BlockArgument)> nameOf) {
  return RowPrinter(kinds, std::move(nameOf)).print(value).text;
}
