//===- Explain.cpp - What was understood of a placement -------------------===//
//
// Reads the entry `loss` of the expanded module back: nothing here knows what
// an attribute means.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Expand/Explain.h"
#include "NearestPreset.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mixln;

namespace {
/// The text of one layer (or of the ends) and the parameters that it reads.
struct Section {
  std::string formulas;
  llvm::MapVector<StringRef, VariableOp> params;
};

class Explanation {
public:
  Explanation(ModuleOp expanded, ArrayRef<NormKindOp> kinds,
              ArrayRef<std::string> streams)
      : module(expanded), kinds(kinds), streams(streams) {}

  void print(raw_ostream &os);

private:
  void addRowwise(RowwiseOp op, Section &section);
  std::string nameOfValue(Value value, int64_t layer, bool isMlp);
  std::string nameOfArgument(RowwiseOp op, BlockArgument argument);
  void printParams(const Section &section, int64_t layer, raw_ostream &os);
  /// `text` with the layer's prefix taken out of parameter names.
  static std::string relative(StringRef name, int64_t layer);

  ModuleOp module;
  ArrayRef<NormKindOp> kinds;
  ArrayRef<std::string> streams;
  /// The first stream before each sub-layer of the layer at hand.
  std::string blockInput, current;
};
} // namespace

std::string Explanation::relative(StringRef name, int64_t layer) {
  std::string prefix = "model.layers." + std::to_string(layer) + ".";
  name.consume_front(prefix);
  return name.str();
}

/// A stream, source or inner value by the name that expand gave it.
std::string Explanation::nameOfValue(Value value, int64_t layer, bool isMlp) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op))
      break;
    value = op->getOperand(0);
  }
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return "?";
  StringRef name = getName(result);
  // Several streams start as one value: it is none of them yet.
  bool isShared = name == "embedding" && streams.size() > 1;
  if (name == current && !name.empty() && !isShared)
    return streams.front();
  if (name.ends_with(".out"))
    return "F";
  if (name == "embedding")
    return "e";
  if (name == blockInput)
    return "block";
  for (const std::string &stream : streams)
    if (name.ends_with("stream." + stream))
      return stream;
  if (name.ends_with("stream"))
    return streams.front();
  if (name.empty())
    name = getSite(result.getOwner());
  return name.rsplit('.').second.empty() ? name.str()
                                         : name.rsplit('.').second.str();
}

std::string Explanation::nameOfArgument(RowwiseOp op, BlockArgument argument) {
  unsigned i = argument.getArgNumber();
  int64_t layer = getLayer(op);
  bool isMlp = getSite(op).contains(".mlp.");
  unsigned rowCount = op.getRows().size(), sharedCount = op.getShared().size();
  if (i >= rowCount + sharedCount) {
    std::string text;
    llvm::raw_string_ostream(text)
        << llvm::format("%.6g", op.getValues()[i - rowCount - sharedCount]);
    return text;
  }
  Value value = op->getOperand(i);
  if (auto load = value.getDefiningOp<LoadOp>())
    return relative(load.getVariable(), layer);
  return nameOfValue(value, layer, isMlp);
}

void Explanation::addRowwise(RowwiseOp op, Section &section) {
  StringRef site = getSite(op);
  int64_t layer = getLayer(op);
  bool isCombine = site.ends_with(".combine");
  // SwiGLU, the loss and measurements are the same in every placement.
  if (site.ends_with(".swiglu") || !op.getSumResults().empty())
    return;
  for (Value value : op->getOperands())
    if (auto load = value.getDefiningOp<LoadOp>())
      if (auto variable =
              module.lookupSymbol<VariableOp>(load.getVariableAttr()))
        if (variable.getRole() == Role::Parameter)
          section.params.insert({variable.getSymName(), variable});

  std::string prefix = "layers." + std::to_string(layer) + ".";
  site.consume_front(prefix);
  for (auto [i, result] : llvm::enumerate(op.getRowResults())) {
    std::string what;
    if (isCombine) {
      StringRef name = getName(cast<OpResult>(result));
      what = streams.front() + "'";
      for (const std::string &stream : streams)
        if (name.ends_with("stream." + stream))
          what = stream + "'";
      what = (site.split('.').first + " " + what).str();
    } else {
      what = site.str();
      std::replace(what.begin(), what.end(), '.', ' ');
    }
    Value yielded = op.getYield().getRows()[i];
    section.formulas += "  " + what + " = " +
                        formulaOf(yielded, kinds,
                                  [&](BlockArgument argument) {
                                    return nameOfArgument(op, argument);
                                  }) +
                        "\n";
  }
}

void Explanation::printParams(const Section &section, int64_t layer,
                              raw_ostream &os) {
  for (auto [name, variable] : section.params) {
    auto type = cast<RankedTensorType>(variable.getType());
    os << "    " << relative(name, layer) << " [";
    llvm::interleave(type.getShape(), os, "x");
    os << "]";
    if (InitAttr init = variable.getInitAttr()) {
      if (init.getKind() == InitKind::Normal)
        os << " normal, std " << llvm::format("%.6g", init.getValue());
      else
        os << " = " << llvm::format("%.6g", init.getValue());
    }
    if (auto parameterClass = variable.getParameterClass())
      os << ", " << *parameterClass;
    if (auto lrMult = variable.getLrMult())
      os << ", lr_mult " << llvm::format("%.6g", lrMult->convertToDouble());
    if (auto decay = variable.getDecay(); decay && !*decay)
      os << ", no decay";
    os << "\n";
  }
}

void Explanation::print(raw_ostream &os) {
  std::vector<Section> layers;
  Section ends;
  for (EntryOp entry : module.getOps<EntryOp>()) {
    if (entry.getSymName() != "loss")
      continue;
    for (Operation &op : entry.getBody().front()) {
      int64_t layer = getLayer(&op);
      if (layer >= static_cast<int64_t>(layers.size())) {
        layers.resize(layer + 1);
        blockInput = current;
      }
      Section &section = layer < 0 ? ends : layers[layer];
      if (auto rowwise = dyn_cast<RowwiseOp>(op))
        addRowwise(rowwise, section);
      if (auto attention = dyn_cast<AttentionOp>(op))
        if (auto scale = attention.getScaleAttr())
          llvm::raw_string_ostream(section.formulas)
              << "  attention scores = "
              << llvm::format("%.6g", scale.getValueAsDouble()) << " * q . k\n";
      if (isa<MatmulOp, EmbeddingOp>(op))
        for (Value value : op.getOperands())
          if (auto load = value.getDefiningOp<LoadOp>())
            if (auto variable =
                    module.lookupSymbol<VariableOp>(load.getVariableAttr()))
              if (variable.getRole() == Role::Parameter)
                section.params.insert({variable.getSymName(), variable});
      for (OpResult result : op.getResults()) {
        StringRef name = getName(result);
        if (name.ends_with("stream") || name == "embedding")
          current = name.str();
      }
    }
  }

  os << "streams: " << llvm::join(streams, ", ") << "\n";
  std::vector<std::string> texts;
  for (auto [i, section] : llvm::enumerate(layers)) {
    std::string text = section.formulas;
    llvm::raw_string_ostream stream(text);
    printParams(section, i, stream);
    texts.push_back(text);
  }
  for (size_t i = 0; i < texts.size();) {
    size_t end = i + 1;
    while (end < texts.size() && texts[end] == texts[i])
      ++end;
    os << (end - i == 1 ? "layer " : "layers ") << i;
    if (end - i > 1)
      os << "-" << end - 1;
    os << "\n" << texts[i];
    i = end;
  }
  os << "ends\n" << ends.formulas;
  printParams(ends, -1, os);
}

/// What each norm kind that the model uses computes, read back from its IR.
static void printKinds(ArrayRef<NormKindOp> kinds, raw_ostream &os) {
  llvm::StringSet<> seen;
  for (NormKindOp kind : kinds) {
    StringRef name = kind.getSymName().rsplit('.').first;
    if (!seen.insert(name).second)
      continue;
    auto nameOf = [&](BlockArgument argument) -> std::string {
      if (argument.getArgNumber() == 0)
        return "x";
      return cast<StringAttr>(kind.getParams()[argument.getArgNumber() - 1])
          .getValue()
          .str();
    };
    auto yield = cast<YieldOp>(kind.getBody().front().getTerminator());
    os << (seen.size() == 1 ? "kinds\n" : "") << "  " << name
       << "(x) = " << formulaOf(yield.getRows().front(), {}, nameOf) << "\n";
  }
}

LogicalResult mixln::explain(ModuleOp module, raw_ostream &os) {
  auto models = module.getOps<ModelOp>();
  if (models.empty())
    return module.emitError("has no mixln.model: only a config or an "
                            "import-phase module can be explained");
  ModelOp model = *models.begin();
  OwningOpRef<ModuleOp> expanded = module.clone();
  PassManager manager(module.getContext());
  manager.addPass(createMixlnExpand());
  if (failed(manager.run(*expanded)))
    return failure();

  SmallVector<NormKindOp> kinds(model.getBody().getOps<NormKindOp>());
  std::vector<std::string> streams;
  for (Attribute stream : model.getStreams())
    streams.push_back(cast<StringAttr>(stream).getValue().str());
  auto norm = module->getAttrOfType<StringAttr>("mixln.norm");
  if (norm && !norm.getValue().empty())
    os << "norm: " << norm.getValue() << "\n";
  for (const auto &[key, title] :
       {std::pair("mixln.differences", "differs from the plain preset: "),
        std::pair("mixln.not_reproduced", "not reproduced: ")})
    if (auto lines = module->getAttrOfType<ArrayAttr>(key))
      for (Attribute line : lines)
        os << title << cast<StringAttr>(line).getValue() << "\n";
  Explanation(*expanded, kinds, streams).print(os);
  printKinds(kinds, os);

  NearestPreset nearest = findNearestPreset(model);
  if (nearest.name.empty())
    return success();
  os << "nearest preset: " << nearest.name
     << (nearest.differences.empty() ? ", the same" : "") << "\n";
  for (const std::string &difference : nearest.differences)
    os << "  " << difference << "\n";
  return success();
}
