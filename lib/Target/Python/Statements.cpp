//===- Statements.cpp - One operation as a line of Python -----------------===//
//
//   %q = mixln.matmul lhs(%h) rhs(%wq) transpose_rhs     // of layer 3
//   =>
//   attention_q_proj = linear(attention_in, p[f"model.layers.{i}...."])
//
// Names are those of sites; one that is held by a value that is still needed
// gets a number.
//
//===----------------------------------------------------------------------===//

#include "ModelPrinter.h"

#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

/// `layers.3.x` and `model.layers.3.x` with "{i}" for the number.
static std::string withoutLayer(StringRef name, int64_t layer) {
  std::string number = "layers." + std::to_string(layer) + ".";
  size_t at = layer < 0 ? StringRef::npos : name.find(number);
  if (at == StringRef::npos)
    return name.str();
  return (name.take_front(at) + "layers.{i}." +
          name.drop_front(at + number.size()))
      .str();
}

/// A name for `result` under which nothing is held that is read after `at`.
std::string ModelPrinter::newName(OpResult result, Operation *at) {
  std::string site = getName(result).str();
  if (site.empty()) {
    site = getSite(result.getOwner()).str();
    if (result.getResultNumber())
      site += "." + std::to_string(result.getResultNumber());
  }
  StringRef rest = site;
  int64_t layer = getLayer(result.getOwner());
  rest.consume_front("layers." + std::to_string(layer) + ".");
  std::string base = pythonName(rest);
  for (unsigned i = 1;; ++i) {
    std::string name = i == 1 ? base : base + "_" + std::to_string(i);
    auto it = held.find(name);
    auto isReadLater = [&](Value value) {
      SmallVector<Value> uses = {value};
      while (!uses.empty())
        for (Operation *user : uses.pop_back_val().getUsers()) {
          if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(user))
            uses.push_back(user->getResult(0));
          else if (order.lookup(user) > order.lookup(at))
            return true;
        }
      return false;
    };
    if (it == held.end() || !isReadLater(it->second))
      return name;
  }
}

FailureOr<std::string> ModelPrinter::operand(Value value, Piece &piece) {
  Operation *op = value.getDefiningOp();
  if (auto load = dyn_cast_or_null<LoadOp>(op)) {
    std::string name = withoutLayer(load.getVariable(), piece.layer);
    if (name == "input_ids")
      return std::string("ids");
    return "p[" +
           std::string(name.find("{i}") == std::string::npos ? "" : "f") +
           "\"" + name + "\"]";
  }
  if (auto reshape = dyn_cast_or_null<tensor::CollapseShapeOp>(op)) {
    FailureOr<std::string> source = operand(reshape.getSrc(), piece);
    if (failed(source))
      return failure();
    return *source + ".flatten(-2)";
  }
  if (auto reshape = dyn_cast_or_null<tensor::ExpandShapeOp>(op)) {
    FailureOr<std::string> source = operand(reshape.getSrc(), piece);
    if (failed(source))
      return failure();
    ArrayRef<int64_t> shape = reshape.getResultType().getShape();
    return *source + ".unflatten(-1, (" +
           std::to_string(shape[shape.size() - 2]) + ", " +
           std::to_string(shape.back()) + "))";
  }
  return names.lookup(value);
}

/// A row operand as the function of its program takes it: leading dimensions
/// as the domain, one number a row as [..., 1].
FailureOr<std::string> ModelPrinter::rowOperand(RowwiseOp op, unsigned i,
                                                Piece &piece) {
  FailureOr<std::string> text = operand(op.getRows()[i], piece);
  if (failed(text))
    return failure();
  AffineMap map = op.getRowMap(i);
  unsigned kept = 0;
  llvm::SmallBitVector present(map.getNumDims());
  for (AffineExpr expr : map.getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || (kept && dim.getPosition() < kept)) {
      op.emitError("reads a row operand through a map that has no Python form");
      return failure();
    }
    present.set(dim.getPosition());
    kept = dim.getPosition() + 1;
  }
  std::string result = *text;
  bool isRow = isa<VectorType>(op.getRowArgument(i).getType());
  if (!isRow)
    result += ".unsqueeze(-1)";
  // Dimensions of the domain that the operand lacks behind one that it has.
  int first = present.find_first();
  for (unsigned d = map.getNumDims(); first >= 0 && d-- > unsigned(first);)
    if (!present[d])
      result += ".unsqueeze(-" + std::to_string(map.getNumDims() - d + 1) + ")";
  return result;
}

FailureOr<std::string> ModelPrinter::statement(Operation *op, Piece &piece) {
  auto operandOf = [&](Value value) { return operand(value, piece); };
  auto refuse = [&](const Twine &why) -> FailureOr<std::string> {
    op->emitError(why);
    return failure();
  };
  return TypeSwitch<Operation *, FailureOr<std::string>>(op)
      .Case([&](EmbeddingOp embedding) -> FailureOr<std::string> {
        auto ids = operandOf(embedding.getIds());
        auto table = operandOf(embedding.getTable());
        return "F.embedding(" + *ids + ", " + *table + ")";
      })
      .Case([&](MatmulOp matmul) -> FailureOr<std::string> {
        if (matmul.getNumProducts() != 1 || matmul.getTransposeLhs() ||
            !matmul.getInto().empty())
          return refuse("has no Python form");
        auto lhs = operandOf(matmul.getLhsOf(0));
        auto rhs = operandOf(matmul.getRhsOf(0));
        if (failed(lhs) || failed(rhs))
          return failure();
        if (matmul.getTransposeRhs())
          return "F.linear(" + *lhs + ", " + *rhs + ")";
        return *lhs + " @ " + *rhs;
      })
      .Case([&](AttentionOp attention) -> FailureOr<std::string> {
        std::string text = "attend(";
        for (Value value :
             {attention.getQ(), attention.getK(), attention.getV()})
          text += *operandOf(value) + ", ";
        text += std::to_string(attention.getHeads()) + ", " +
                std::to_string(attention.getKvHeads()) + ", ";
        return text + pythonNumber(attention.getScoreScale(), false) +
               ", positions)";
      })
      .Case([&](RowwiseOp row) -> FailureOr<std::string> {
        if (!row.getSumMaps().empty())
          return refuse("sums over rows: it has no Python form");
        FailureOr<std::string> name = functions.nameOf(row);
        if (failed(name))
          return failure();
        std::string arguments;
        auto add = [&](StringRef text) {
          arguments += (arguments.empty() ? "" : ", ") + text.str();
        };
        if (row.getRows().empty()) {
          add("rows");
          needsRows = true;
        }
        for (unsigned i = 0; i < row.getRows().size(); ++i) {
          FailureOr<std::string> text = rowOperand(row, i, piece);
          if (failed(text))
            return failure();
          add(*text);
        }
        for (Value shared : row.getShared())
          add(*operandOf(shared));
        for (double value : row.getValues()) {
          add("\1" + std::to_string(piece.numbers.size()) + "\1");
          piece.numbers.push_back(value);
        }
        return *name + "(" + arguments + ")";
      })
      .Default([&](Operation *) { return refuse("has no Python form"); });
}
