//===- NearestPreset.cpp - Which preset a model is closest to -------------===//
//
// Every preset is imported at the model's sizes (one that depends on K with
// each K) and compared sub-layer by sub-layer.
//
//===----------------------------------------------------------------------===//

#include "NearestPreset.h"
#include "PlacementRule.h"
#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/Presets.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mixln;

namespace {
/// The placements of a model as texts, with "norm" for its main kind.
struct Summary {
  std::vector<std::string> attention, mlp;
  std::string init, readout, streams;
};
} // namespace

static std::string textOf(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, OpPrintingFlags().useLocalScope());
  return text;
}

/// The regions of a placement, without its name.
static std::string regionText(PlacementOp op) {
  if (!op)
    return "none";
  std::string text = textOf(op);
  return text.substr(text.find(" params "));
}

/// The kind of the first norm that a block names, "" without one.
static std::string mainKind(ModelOp model) {
  for (BlockOp block : model.getBody().getOps<BlockOp>())
    for (PlacementAttr placement : {block.getAttention(), block.getMlp()})
      for (NamedAttribute key : placement.getKeys())
        if (auto site = dyn_cast<NormSiteAttr>(key.getValue()))
          return site.getKind().getValue().str();
  for (NormKindOp kind : model.getBody().getOps<NormKindOp>())
    return kind.getSymName().rsplit('.').first.str();
  return "";
}

static std::string placementText(ModelOp model, PlacementAttr placement,
                                 StringRef kind) {
  std::string text;
  for (NamedAttribute key : placement.getKeys()) {
    text += text.empty() ? "" : ", ";
    std::string value;
    llvm::raw_string_ostream stream(value);
    if (auto symbol = dyn_cast<FlatSymbolRefAttr>(key.getValue()))
      stream << regionText(lookupPlacement(model, symbol.getValue()));
    else if (!isa<UnitAttr>(key.getValue()))
      stream << key.getValue();
    text += key.getName().str() + (value.empty() ? "" : " = " + value);
  }
  std::string wanted = "#mixln.norm<" + kind.str();
  for (size_t at = text.find(wanted); at != std::string::npos;
       at = text.find(wanted, at + 1))
    if (size_t end = at + wanted.size(); text[end] == '>' || text[end] == ',')
      text.replace(at, wanted.size(), "#mixln.norm<norm");
  return text.empty() ? "nothing" : text;
}

static Summary summarize(ModelOp model) {
  Summary summary;
  std::string kind = mainKind(model);
  for (BlockOp block : model.getBody().getOps<BlockOp>()) {
    summary.attention.push_back(
        placementText(model, block.getAttention(), kind));
    summary.mlp.push_back(placementText(model, block.getMlp(), kind));
  }
  summary.init = regionText(lookupPlacement(model, "init"));
  summary.readout = regionText(lookupPlacement(model, "readout"));
  for (Attribute stream : model.getStreams())
    summary.streams += cast<StringAttr>(stream).getValue().str() + " ";
  return summary;
}

static size_t distance(const Summary &a, const Summary &b) {
  size_t result =
      (a.init != b.init) + (a.readout != b.readout) + (a.streams != b.streams);
  for (size_t i = 0; i < a.mlp.size(); ++i)
    result += (a.attention[i] != b.attention[i]) + (a.mlp[i] != b.mlp[i]);
  return result;
}

/// A placement in a difference; formulas are printed above it anyway.
static std::string shorten(StringRef text) {
  if (text.contains('\n') || text.size() > 100)
    return "other formulas or attributes";
  std::string result = text.str();
  for (StringRef noise : {"#mixln.norm<", "#mixln.coefficient<"})
    for (size_t at = result.find(noise); at != std::string::npos;
         at = result.find(noise)) {
      size_t end = result.find('>', at);
      result.erase(end, 1);
      result.erase(at, noise.size());
    }
  return result;
}

/// Neighbouring layers with the same difference are one line.
static void listDifferences(StringRef part, ArrayRef<std::string> found,
                            ArrayRef<std::string> preset,
                            std::vector<std::string> &out) {
  for (size_t i = 0; i < found.size();) {
    size_t end = i + 1;
    while (end < found.size() && found[end] == found[i] &&
           preset[end] == preset[i])
      ++end;
    if (found[i] != preset[i]) {
      std::string layers = end - i == 1 ? "layer " + std::to_string(i)
                                        : "layers " + std::to_string(i) + "-" +
                                              std::to_string(end - 1);
      out.push_back(layers + " " + part.str() + ": " + shorten(found[i]) +
                    " instead of " + shorten(preset[i]));
    }
    i = end;
  }
}

/// The config that a model was imported from, as far as presets need it.
static ModelConfig configOf(ModelOp model) {
  ModelConfig config;
  config.file = "model";
  config.json = "{}";
  config.hiddenSize = model.getInt("hidden_size");
  config.intermediateSize = model.getInt("intermediate_size");
  config.numAttentionHeads = model.getInt("num_attention_heads");
  config.numKeyValueHeads = model.getInt("num_key_value_heads");
  config.numHiddenLayers = model.getInt("num_hidden_layers");
  config.vocabSize = model.getInt("vocab_size");
  config.rmsNormEps = model.getDouble("rms_norm_eps");
  config.ropeTheta = model.getDouble("rope_theta");
  config.initializerRange = model.getDouble("initializer_range");
  config.embeddingStd = model.getDouble("embedding_std");
  return config;
}

NearestPreset mixln::findNearestPreset(ModelOp model) {
  Summary own = summarize(model);
  ModelConfig config = configOf(model);
  std::string kind = mainKind(model);
  NearestPreset nearest;
  Summary nearestSummary;
  size_t best = SIZE_MAX;
  for (const Preset &preset : getPresets()) {
    std::string error;
    FailureOr<NormSpec> byDefault =
        parseNormFile(preset.text, preset.name, "", error);
    // A preset that is about a kind is near only to models of that kind.
    if (failed(byDefault) ||
        (byDefault->kind != "rms" && byDefault->kind != kind))
      continue;
    // A kind of the user's own is unknown to presets; their default stands for
    // it in the comparison.
    FailureOr<NormSpec> spec =
        parseNormFile(preset.text, preset.name, kind, error);
    bool isOwnKind = failed(spec);
    if (isOwnKind)
      spec = byDefault;
    bool usesK = spec->usesK();
    for (int64_t k = usesK ? 1 : 0; k < (usesK ? config.numHiddenLayers : 1);
         ++k) {
      if (usesK)
        spec->K = k;
      FailureOr<OwningOpRef<ModuleOp>> imported = importModel(
          model.getContext(), config, *spec, model.getInt("batch_size"),
          model.getInt("seq_len"), error);
      if (failed(imported))
        break;
      Summary other = summarize(*(*imported)->getOps<ModelOp>().begin());
      // With a kind of the user's own, a readout of the preset's default kind
      // is a difference, and any other is taken for one of the own kind.
      bool readoutDiffers = isOwnKind && other.readout == own.readout;
      if (isOwnKind)
        other.readout = readoutDiffers ? "of another kind" : own.readout;
      size_t distanceToIt = distance(own, other);
      if (distanceToIt >= best)
        continue;
      best = distanceToIt;
      nearest.name = preset.name + (usesK ? ":" + std::to_string(k) : "");
      if (!kind.empty() && kind != byDefault->kind)
        nearest.name += " with norm_kind " + kind;
      nearestSummary = other;
    }
  }
  if (nearest.name.empty())
    return nearest;
  if (own.streams != nearestSummary.streams)
    nearest.differences.push_back("streams: " + own.streams + "instead of " +
                                  nearestSummary.streams);
  if (own.init != nearestSummary.init)
    nearest.differences.push_back("the start of the streams");
  listDifferences("attention", own.attention, nearestSummary.attention,
                  nearest.differences);
  listDifferences("mlp", own.mlp, nearestSummary.mlp, nearest.differences);
  if (own.readout != nearestSummary.readout)
    nearest.differences.push_back("the readout");
  return nearest;
}
