//===- PrintPython.cpp - A model as a Python file -------------------------===//
//
//   %q = mixln.matmul lhs(%h) rhs(%wq) transpose_rhs     // of layer 3
//   %x, %h = mixln.rowwise rows(%x, %f) shared(%gain)
//   =>
//   for i in range(1, 12):
//       attention_q_proj = linear(attention_in, p[f"model.layers.{i}..."])
//       stream = row_mlp_combine(attention_stream, mlp_out, p[f"..."])
//
// A layer is printed with "{i}" for its number, and its numbers (`values`) as
// numbered places. Neighbours with equal text whose inputs are the outputs of
// the layer before become one loop.
//
//===----------------------------------------------------------------------===//

#include "mixln/Target/PrintPython.h"

#include "ModelPrinter.h"
#include "mixln/Frontend/Naming.h"
#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mixln;

static constexpr StringLiteral kTemplate =
#include "ModelingTemplate.inc"
    ;

/// Loads and reshapes are written where they are used.
static bool standsAtUse(Operation *op) {
  return isa<LoadOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op);
}

/// The value that a chain of reshapes begins with.
static Value rootOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

LogicalResult ModelPrinter::cut(EntryOp entry) {
  unsigned position = 0;
  for (Operation &op : entry.getBody().front()) {
    order[&op] = ++position;
    if (standsAtUse(&op))
      continue;
    int64_t layer = getLayer(&op);
    if (pieces.empty() || pieces.back().layer != layer) {
      pieces.emplace_back();
      pieces.back().layer = layer;
    }
    pieces.back().ops.push_back(&op);
  }
  for (Piece &piece : pieces) {
    llvm::SmallPtrSet<Operation *, 32> own(piece.ops.begin(), piece.ops.end());
    llvm::SmallPtrSet<Value, 8> seen;
    for (Operation *op : piece.ops)
      for (Value value : op->getOperands()) {
        Value root = rootOf(value);
        Operation *producer = root.getDefiningOp();
        if (!isa_and_nonnull<LoadOp>(producer) && !own.contains(producer) &&
            seen.insert(root).second)
          piece.inputs.push_back(root);
      }
  }
  return success();
}

LogicalResult ModelPrinter::printPiece(Piece &piece,
                                       ArrayRef<std::string> inputNames) {
  piece.text.clear();
  piece.numbers.clear();
  piece.outputs.clear();
  piece.inputNames.assign(inputNames.begin(), inputNames.end());
  for (auto [value, name] : llvm::zip(piece.inputs, inputNames)) {
    names[value] = name;
    held[name] = value;
  }
  for (Operation *op : piece.ops) {
    if (auto store = dyn_cast<StoreOp>(op)) {
      piece.text += "return " + *operand(store.getValue(), piece) + "\n";
      continue;
    }
    FailureOr<std::string> text = statement(op, piece);
    if (failed(text))
      return failure();
    // What nothing reads (lse) has no name.
    std::string targets;
    for (OpResult result : op->getResults()) {
      if (result.use_empty() && isa<AttentionOp>(op))
        continue;
      std::string name = newName(result, op);
      targets += (targets.empty() ? "" : ", ") + name;
      names[result] = name;
      held[name] = result;
      piece.outputs[result] = name;
    }
    piece.text += targets + " = " + *text + "\n";
  }
  return success();
}

/// Whether a loop that runs `pattern` for the layer `before` can run it for
/// `piece` next: each input is either what it was or what the text has just
/// written under that name.
bool ModelPrinter::continues(const Piece &before, const Piece &piece,
                             const Piece &pattern) const {
  if (before.inputs.size() != piece.inputs.size())
    return false;
  for (auto [was, is, name] :
       llvm::zip(before.inputs, piece.inputs, pattern.inputNames)) {
    auto written = before.outputs.find(is);
    bool isWritten = written != before.outputs.end() && written->second == name;
    bool isOverwritten = llvm::any_of(before.outputs, [&](const auto &output) {
      return output.second == name;
    });
    if (!isWritten && (was != is || isOverwritten))
      return false;
  }
  return true;
}

static std::string replaceAll(std::string text, StringRef from, StringRef to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string ModelPrinter::finish(const Piece &piece, int64_t first,
                                 ArrayRef<const Piece *> group,
                                 unsigned indent) {
  std::string text = piece.text;
  for (size_t n = 0; n < piece.numbers.size(); ++n) {
    std::string place = "\1" + std::to_string(n) + "\1";
    bool differs = llvm::any_of(group, [&](const Piece *other) {
      return other->numbers[n] != piece.numbers[n];
    });
    std::string number = pythonNumber(piece.numbers[n], true);
    if (differs) {
      std::string name = "NUMBERS_" + std::to_string(numTables++);
      tables += name + " = [";
      for (const Piece *other : group)
        tables += (other == group.front() ? "" : ", ") +
                  pythonNumber(other->numbers[n], true);
      tables += "]\n";
      number = name + "[i" + (first ? " - " + std::to_string(first) : "") + "]";
    }
    text = replaceAll(text, place, number);
  }
  if (group.size() == 1) {
    text = replaceAll(text, "{i}", std::to_string(first));
    text = replaceAll(text, "p[f\"", "p[\"");
  }
  std::string indented;
  SmallVector<StringRef> lines;
  StringRef(text).split(lines, '\n', -1, false);
  for (StringRef line : lines)
    indented += std::string(indent, ' ') + line.str() + "\n";
  return indented;
}

LogicalResult ModelPrinter::printLayers(std::string &body) {
  auto namesOf = [&](const Piece &piece) {
    return llvm::map_to_vector(
        piece.inputs, [&](Value value) { return names.lookup(value); });
  };
  for (size_t begin = 0; begin < pieces.size();) {
    Piece &piece = pieces[begin];
    SmallVector<std::string> own = namesOf(piece);
    auto heldBefore = held;
    auto namesBefore = names;
    if (failed(printPiece(piece, own)))
      return failure();
    SmallVector<const Piece *> group = {&piece};
    std::string aliases;
    if (piece.layer >= 0 && begin + 1 < pieces.size() &&
        pieces[begin + 1].layer == piece.layer + 1 &&
        pieces[begin + 1].inputs.size() == piece.inputs.size()) {
      // The names that the second layer gives its inputs serve the first too.
      SmallVector<std::string> loopNames = namesOf(pieces[begin + 1]);
      held = heldBefore;
      names = namesBefore;
      // At once: two layers may exchange the names of their streams.
      std::string targets, sources;
      for (auto [name, loopName] : llvm::zip(own, loopNames)) {
        if (name == loopName)
          continue;
        StringRef comma = targets.empty() ? "" : ", ";
        targets += comma.str() + loopName;
        sources += comma.str() + name;
      }
      if (!targets.empty())
        aliases = "        " + targets + " = " + sources + "\n";
      if (failed(printPiece(piece, loopNames)))
        return failure();
      size_t end = begin + 1;
      for (;
           end < pieces.size() &&
           pieces[end].layer == piece.layer + static_cast<int64_t>(end - begin);
           ++end) {
        SmallVector<std::string> nextNames = namesOf(pieces[end]);
        auto heldThere = held;
        auto namesThere = names;
        if (!continues(pieces[end - 1], pieces[end], piece) ||
            failed(printPiece(pieces[end], loopNames)) ||
            pieces[end].text != piece.text) {
          held = heldThere;
          names = namesThere;
          break;
        }
        group.push_back(&pieces[end]);
      }
      if (group.size() == 1) {
        held = heldBefore;
        names = namesBefore;
        aliases.clear();
        if (failed(printPiece(piece, own)))
          return failure();
      }
    }
    if (group.size() == 1) {
      if (piece.layer >= 0)
        body += "        # layer " + std::to_string(piece.layer) + "\n";
      body += finish(piece, piece.layer, group, 8);
    } else {
      body += aliases + "        for i in range(" +
              std::to_string(piece.layer) + ", " +
              std::to_string(piece.layer + group.size()) + "):\n" +
              finish(piece, piece.layer, group, 12);
    }
    begin += group.size();
  }
  return success();
}

std::string ModelPrinter::parameters() {
  std::string text;
  for (auto variable : module.getOps<VariableOp>()) {
    if (variable.getRole() != Role::Parameter)
      continue;
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(variable.getType()).getShape();
    text += "    \"" + variable.getSymName().str() + "\": (";
    for (int64_t extent : shape)
      text += std::to_string(extent) + (shape.size() == 1 ? "," : ", ");
    if (shape.size() > 1)
      text.resize(text.size() - 2);
    text += "),\n";
  }
  return text;
}

/// Names become Python text, and those of parameters a tree of modules.
LogicalResult ModelPrinter::checkNames() {
  llvm::StringSet<> modules;
  for (auto variable : module.getOps<VariableOp>()) {
    StringRef name = variable.getSymName();
    if (!llvm::all_of(name, [](char c) {
          return llvm::isAlnum(c) || c == '_' || c == '.';
        }))
      return variable.emitError(
          "has a name with other characters than letters, digits, '_' and "
          "'.': it cannot stand in Python text");
    if (variable.getRole() != Role::Parameter)
      continue;
    SmallVector<StringRef> words;
    name.split(words, '.');
    for (StringRef word : words)
      if (isModuleAttribute(word))
        return variable.emitError("has a name with '")
               << word << "', which every torch.nn.Module has already";
    for (size_t at = name.find('.'); at != StringRef::npos;
         at = name.find('.', at + 1))
      modules.insert(name.take_front(at));
  }
  for (auto variable : module.getOps<VariableOp>())
    if (variable.getRole() == Role::Parameter &&
        modules.contains(variable.getSymName()))
      return variable.emitError(
          "is a parameter, and other names begin with its name and a '.': it "
          "cannot be a torch.nn.Module too");
  return success();
}

FailureOr<std::string> ModelPrinter::print() {
  auto entry = module.lookupSymbol<EntryOp>("logits");
  if (!entry) {
    module.emitError("has no entry @logits; expected an expand-phase module");
    return failure();
  }
  std::string body;
  if (failed(checkNames()) || failed(cut(entry)) || failed(printLayers(body)))
    return failure();
  auto config = module->getAttrOfType<DictionaryAttr>("mixln.config");
  auto theta = config ? config.getAs<FloatAttr>("rope_theta") : FloatAttr();
  auto norm = module->getAttrOfType<StringAttr>("mixln.norm");
  // The text after '#' is one line whatever the placement was called.
  std::string title = norm ? norm.getValue().str() : "";
  for (char &c : title)
    if (!llvm::isPrint(c))
      c = ' ';
  std::string text = kTemplate.str();
  text = replaceAll(text, "# @NORM@", "# " + title);
  text = replaceAll(text, "    # @PARAMETERS@\n", parameters());
  text =
      replaceAll(text, "# @TABLES@\n\n", tables.empty() ? "" : tables + "\n");
  text = replaceAll(text, "# @FUNCTIONS@\n", functions.print());
  // What a row program without row operands takes for the number of rows.
  if (needsRows)
    body.insert(0, "        rows = next(iter(p.values())).new_empty(len(ids), "
                   "1)\n");
  text = replaceAll(text, "        # @FORWARD@\n", body);
  return replaceAll(
      text, "@ROPE_THETA@",
      pythonNumber(theta ? theta.getValueAsDouble() : 10000.0, false));
}

FailureOr<std::string> mixln::printPython(ModuleOp expanded) {
  return ModelPrinter(expanded).print();
}
