//===- Import.cpp - Config and norm spec to mixln.model -------------------===//

#include "Importer.h"

#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace mixln;

FailureOr<OwningOpRef<ModuleOp>>
mixln::importModel(MLIRContext *context, const ModelConfig &config,
                   const NormSpec &spec, int64_t batchSize, int64_t seqLen,
                   std::string &error) {
  constexpr int64_t limit = 1 << 24;
  for (auto [name, value] :
       {std::pair("batch_size", batchSize), std::pair("seq_len", seqLen)})
    if (value <= 0 || value > limit) {
      error = std::string(name) + " is " + std::to_string(value) +
              ", expected 1 to " + std::to_string(limit);
      return failure();
    }
  if (batchSize * seqLen > std::numeric_limits<int32_t>::max()) {
    error = "batch_size * seq_len is " + std::to_string(batchSize * seqLen) +
            ", expected at most 2147483647";
    return failure();
  }
  context->loadDialect<MixlnDialect, arith::ArithDialect, math::MathDialect,
                       vector::VectorDialect>();
  OwningOpRef<ModuleOp> module =
      Importer(context, config, spec, error).import(batchSize, seqLen);
  if (!module)
    return failure();
  FailureOr<std::string> json = checkpointConfig(*module, config, spec, error);
  if (failed(json))
    return failure();
  Builder builder(context);
  (*module)->setAttr("mixln.config_json", builder.getStringAttr(*json));
  (*module)->setAttr("mixln.norm", builder.getStringAttr(spec.request));
  if (!spec.flags.empty()) {
    NamedAttrList flags;
    for (const auto &[name, value] : spec.flags)
      flags.append(name, builder.getStringAttr(value));
    (*module)->setAttr("mixln.flags", flags.getDictionary(context));
  }
  for (const auto &[name, lines] :
       {std::pair("mixln.differences", &spec.differences),
        std::pair("mixln.not_reproduced", &spec.notReproduced)})
    if (!lines->empty())
      (*module)->setAttr(
          name, builder.getStrArrayAttr(llvm::to_vector_of<StringRef>(*lines)));
  return module;
}

DictionaryAttr Importer::configAttr(int64_t batchSize, int64_t seqLen) {
  NamedAttrList list;
  for (auto [name, value] :
       {std::pair("hidden_size", config.hiddenSize),
        std::pair("intermediate_size", config.intermediateSize),
        std::pair("num_attention_heads", config.numAttentionHeads),
        std::pair("num_key_value_heads", config.numKeyValueHeads),
        std::pair("num_hidden_layers", config.numHiddenLayers),
        std::pair("vocab_size", config.vocabSize),
        std::pair("batch_size", batchSize), std::pair("seq_len", seqLen)})
    list.append(name, builder.getI64IntegerAttr(value));
  for (auto [name, value] :
       {std::pair("rms_norm_eps", config.rmsNormEps),
        std::pair("rope_theta", config.ropeTheta),
        std::pair("initializer_range", config.initializerRange),
        std::pair("embedding_std", config.embeddingStd)})
    list.append(name, builder.getF64FloatAttr(value));
  if (config.attentionScale != 0)
    list.append("attention_scale",
                builder.getF64FloatAttr(config.attentionScale));
  if (config.logitScale != 1)
    list.append("logit_scale", builder.getF64FloatAttr(config.logitScale));
  return list.getDictionary(builder.getContext());
}

OwningOpRef<ModuleOp> Importer::import(int64_t batchSize, int64_t seqLen) {
  Location loc = locationOf(config.file);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  SmallVector<StringRef> streams(spec.streams.begin(), spec.streams.end());
  model = ModelOp::create(builder, loc, "model", configAttr(batchSize, seqLen),
                          builder.getStrArrayAttr(streams));
  builder.setInsertionPointToEnd(&model.getBody().emplaceBlock());
  constants["eps"] = config.rmsNormEps;
  constants["L"] = static_cast<double>(config.trainedLayers());
  if (spec.K)
    constants["K"] = static_cast<double>(*spec.K);

  if (failed(importEnds()))
    return {};
  for (int64_t layer = 0; layer < config.numHiddenLayers; ++layer)
    if (failed(importLayer(layer)))
      return {};
  return module;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

FailureOr<double> Importer::number(const Formula &formula, const Place &place) {
  return evaluateFormula(formula, place.constants, error);
}

LogicalResult Importer::importLayer(int64_t layer) {
  Constants ofLayer = constants;
  ofLayer["n"] = static_cast<double>(config.hiddenSize);
  ofLayer["i"] = static_cast<double>(config.trainedLayer(layer));
  const LayerRule *rule = nullptr;
  for (const LayerRule &candidate : spec.layers) {
    if (candidate.when) {
      FailureOr<double> holds = evaluateFormula(candidate.when, ofLayer, error);
      if (failed(holds))
        return failure();
      if (*holds == 0)
        continue;
    }
    rule = &candidate;
    break;
  }
  if (!rule) {
    error = spec.file + ": no rule of layers applies to layer " +
            std::to_string(config.trainedLayer(layer)) + " of " +
            std::to_string(config.trainedLayers());
    return failure();
  }

  if (!rule->refused.empty()) {
    error = rule->where + ": layer " +
            std::to_string(config.trainedLayer(layer)) + " " + rule->refused;
    return failure();
  }

  const SubLayerSpec &attention = rule->attention;
  bool outputNorm = hasBranchNorm(attention) || hasPostNorm(attention);
  PlacementAttr placements[2];
  for (bool isMlp : {false, true}) {
    const SubLayerSpec &sub = isMlp ? rule->mlp : rule->attention;
    Place place{sub, layer,
                SubLayerSites{isMlp, outputNorm,
                              hasBranchNorm(sub) && hasPostNorm(sub)},
                ofLayer};
    // What stands in the attention's formulas is out of the naming rule's
    // sight.
    place.namesInput = isMlp && outputNorm && !attention.br && !attention.post;
    place.constants["s"] = isMlp ? 1 : 0;
    placements[isMlp] = importPlace(place);
    if (!placements[isMlp])
      return failure();
  }
  BlockOp::create(builder, locationOf(rule->where),
                  "layers." + std::to_string(layer), placements[0],
                  placements[1]);
  return success();
}

NormSiteAttr Importer::normSite(const NormUse &use, const Place &place,
                                int64_t width) {
  NormKindOp kind = kindAt(kindName(use.kind), width);
  if (!kind)
    return {};
  NamedAttrList inits;
  if (use.gainInit) {
    // The row length is that of the site: an inner norm has another one than
    // the stream.
    Constants known = place.constants;
    known["n"] = static_cast<double>(width);
    FailureOr<double> gain = evaluateFormula(use.gainInit, known, error);
    if (failed(gain))
      return {};
    // A kind without a gain has nothing to set.
    for (Attribute param : kind.getParams())
      if (cast<StringAttr>(param).getValue() == "weight")
        inits.append("weight", builder.getF64FloatAttr(*gain));
  }
  return NormSiteAttr::get(builder.getContext(),
                           builder.getStringAttr(kindName(use.kind)),
                           builder.getStringAttr(use.name),
                           inits.getDictionary(builder.getContext()));
}

Attribute Importer::factor(const FactorSpec &factor, StringRef defaultName,
                           const Place &place) {
  if (factor.oneMinusB)
    return builder.getStringAttr("1-b");
  if (factor.constant) {
    FailureOr<double> value = number(factor.constant, place);
    return failed(value) ? Attribute() : builder.getF64FloatAttr(*value);
  }
  FailureOr<double> init = number(factor.learned->init, place);
  if (failed(init))
    return {};
  std::string name = factor.learned->name;
  if (name.empty())
    name = ((place.sites.isMlp ? "mlp_" : "self_attn_") + defaultName).str();
  return CoefficientAttr::get(builder.getContext(), factor.learned->isRow,
                              builder.getStringAttr(name), *init, factor.isAbs);
}

LogicalResult Importer::weightInits(const Place &place, NamedAttrList &keys) {
  NamedAttrList factors, xavier;
  for (const auto &[name, init] : place.spec.init) {
    FailureOr<double> gain = number(init.gain, place);
    if (failed(gain))
      return failure();
    (init.xavier ? xavier : factors)
        .append(name, builder.getF64FloatAttr(*gain));
  }
  if (!factors.empty())
    keys.append("init_factor", factors.getDictionary(builder.getContext()));
  if (!xavier.empty())
    keys.append("init_xavier", xavier.getDictionary(builder.getContext()));
  return success();
}

LogicalResult Importer::inner(const Place &place, NamedAttrList &keys) {
  NamedAttrList sites;
  int64_t queries = config.hiddenSize;
  int64_t keysWidth = config.numKeyValueHeads * config.headDim();
  for (const auto &[site, use] : place.spec.inner) {
    int64_t width = queries;
    if (site == "ffn_mid")
      width = config.intermediateSize;
    else if (site != "ctx" && place.spec.innerPerHead)
      width = config.headDim();
    else if (site == "k" || site == "v")
      width = keysWidth;
    NormSiteAttr attr = normSite(use, place, width);
    if (!attr)
      return failure();
    sites.append(site, attr);
  }
  if (!sites.empty())
    keys.append("inner", sites.getDictionary(builder.getContext()));
  if (place.spec.innerPerHead && !sites.empty())
    keys.append("inner_per_head", builder.getUnitAttr());
  if (place.spec.headScale)
    keys.append("head_scale", builder.getUnitAttr());
  return success();
}

PlacementAttr Importer::importPlace(const Place &place) {
  const SubLayerSpec &sub = place.spec;
  siteKinds.clear();
  NamedAttrList keys;
  for (const auto &[key, use] :
       {std::pair("in", &sub.in), std::pair("br", &sub.br),
        std::pair("post", &sub.post), std::pair("x_norm", &sub.xNorm)}) {
    if (!*use)
      continue;
    NormUse named = **use;
    if (place.namesInput && use == &sub.in && named.name.empty())
      named.name = inLayer(normSiteName("in", place.sites)).str();
    NormSiteAttr site = normSite(named, place, config.hiddenSize);
    if (!site)
      return {};
    keys.append(key, site);
  }
  for (const auto &[key, spec, name] :
       {std::tuple("a", &sub.a, "skip_scale"),
        std::tuple("b", &sub.b, "residual_scale")}) {
    if (!spec->given())
      continue;
    Attribute value = factor(*spec, name, place);
    if (!value)
      return {};
    keys.append(key, value);
  }
  if (sub.c) {
    FailureOr<double> c = number(sub.c, place);
    if (failed(c))
      return {};
    keys.append("c", builder.getF64FloatAttr(*c));
  }
  if (!sub.gp.empty())
    keys.append("gp", builder.getStringAttr(sub.gp));
  if (!sub.readSum.empty())
    keys.append("read", builder.getStringAttr(sub.readSum));
  if (!sub.skipSum.empty())
    keys.append("skip", builder.getStringAttr(sub.skipSum));
  if (failed(inner(place, keys)) || failed(weightInits(place, keys)) ||
      failed(importFormulas(place, keys)))
    return {};
  return PlacementAttr::getChecked([&] { return emitError(model.getLoc()); },
                                   builder.getContext(),
                                   keys.getDictionary(builder.getContext()));
}
