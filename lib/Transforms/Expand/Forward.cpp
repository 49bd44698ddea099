//===- Forward.cpp - The forward pass of a model --------------------------===//

#include "Forward.h"
#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

Forward::Forward(ModelOp model, Variables &variables, Block *entry)
    : model(model), variables(variables),
      builder(entry ? OpBuilder::atBlockEnd(entry)
                    : OpBuilder(model.getContext())),
      loc(model.getLoc()),
      rows(model.getInt("batch_size") * model.getInt("seq_len")),
      hidden(model.getInt("hidden_size")), headDim(model.getHeadDim()) {}

Forward::Forward(ModelOp model, Variables &variables, Block *entry,
                 Generation generation)
    : Forward(model, variables, entry) {
  this->generation = generation;
  rows = generation == Generation::Decode ? 1 : model.getInt("seq_len");
}

std::string Forward::siteName(const Twine &name) {
  if (layer < 0)
    return name.str();
  return ("layers." + Twine(layer) + "." + name).str();
}

Value Forward::load(StringRef variable) {
  Value &value = loaded[variable];
  if (!value)
    value = LoadOp::create(builder, loc, variables.getType(variable), variable);
  return value;
}

void Forward::store(Value value, StringRef variable) {
  StoreOp::create(builder, loc, value, variable);
}

Value Forward::lookup(StringRef name) {
  for (auto [stream, value] : llvm::zip(model.getStreams(), streams))
    if (cast<StringAttr>(stream).getValue() == name)
      return value;
  return StringSwitch<Value>(name)
      .Case("block", blockInput)
      .Case("e", getEmbedding())
      .Case("F", branch)
      .Default({});
}

//===----------------------------------------------------------------------===//
// Row programs
//===----------------------------------------------------------------------===//

FailureOr<Forward::Streams> Forward::emit(Wiring &wiring,
                                          ArrayRef<int64_t> domain,
                                          function_ref<Value(StringRef)> lookup,
                                          const Twine &site) {
  // Norms that many sites share become large where each of them is written out.
  constexpr int64_t limit = 1 << 20;
  Block &body = wiring.getBlock();
  operations += llvm::range_size(body);
  if (operations > limit)
    return emitError(loc) << "the row programs up to here have more than "
                          << limit << " operations";
  auto yield = cast<YieldOp>(body.getTerminator());
  // The program's arguments: rows, parameters, numbers; each only if used.
  SmallVector<Value> rowOperands, shared;
  SmallVector<BlockArgument> rowArguments, sharedArguments, numberArguments;
  SmallVector<double> values;
  DenseMap<Value, Value> handedThrough;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    bool isUsed = llvm::any_of(argument.getUsers(), [](Operation *user) {
      return !isa<YieldOp>(user);
    });
    if (i >= wiring.getInputs().size()) {
      if (isUsed) {
        numberArguments.push_back(argument);
        values.push_back(wiring.getValues()[i - wiring.getInputs().size()]);
      }
      continue;
    }
    const Wiring::Input &input = wiring.getInputs()[i];
    if (input.param) {
      if (failed(variables.declare(loc, *input.param, layer)))
        return failure();
      Value value = load(atLayer(input.param->name, layer));
      if (isUsed) {
        shared.push_back(value);
        sharedArguments.push_back(argument);
      } else if (!argument.use_empty()) {
        return emitError(loc) << "parameter '" << input.name
                              << "' alone is no row of every position";
      }
      continue;
    }
    Value value = lookup(input.name);
    if (!value)
      return emitError(loc) << "'" << input.name
                            << "' is no stream, no source and no parameter";
    handedThrough[argument] = value;
    if (isUsed) {
      rowOperands.push_back(value);
      rowArguments.push_back(argument);
    }
  }
  SmallVector<Type> types;
  for (Value row : yield.getRows())
    if (!handedThrough.contains(row))
      types.push_back(row.getType());
  if (types.empty())
    return llvm::map_to_vector(
        yield.getRows(), [&](Value row) { return handedThrough.at(row); });

  auto op = RowwiseOp::create(builder, loc, domain, rowOperands,
                              ArrayRef<AffineMap>(), shared, values, types,
                              TypeRange(), ArrayRef<AffineMap>());
  setSite(op, site.str(), layer);
  Block *block = op.getBodyBlock();
  IRMapping mapping;
  unsigned position = 0;
  for (BlockArgument argument : llvm::concat<BlockArgument>(
           rowArguments, sharedArguments, numberArguments))
    mapping.map(argument, block->getArgument(position++));
  OpBuilder body_ = OpBuilder::atBlockEnd(block);
  for (Operation &inner : body.without_terminator())
    body_.clone(inner, mapping);
  Streams results;
  SmallVector<Value> yielded;
  for (Value row : yield.getRows()) {
    if (auto it = handedThrough.find(row); it != handedThrough.end()) {
      results.push_back(it->second);
      continue;
    }
    results.push_back(op.getRowResults()[yielded.size()]);
    yielded.push_back(mapping.lookup(row));
  }
  YieldOp::create(body_, loc, yielded, ValueRange());
  return results;
}

Value Forward::splitHeads(Value value, int64_t width) {
  auto type = cast<RankedTensorType>(value.getType());
  auto split = RankedTensorType::get(
      {type.getDimSize(0), type.getDimSize(1) / width, width},
      type.getElementType());
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  return tensor::ExpandShapeOp::create(builder, loc, split, value, groups);
}

Value Forward::joinHeads(Value value) {
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  return tensor::CollapseShapeOp::create(builder, loc, value, groups);
}

LogicalResult Forward::innerNorm(const SubLayer &subLayer, StringRef site,
                                 StringRef name, Value &value) {
  auto inner = subLayer.placement.getAs<DictionaryAttr>("inner");
  if (!inner || !inner.get(site))
    return success();
  bool perHead = subLayer.placement.get("inner_per_head") &&
                 (site == "q" || site == "k" || site == "v");
  auto type = cast<RankedTensorType>(value.getType());
  int64_t width = perHead ? headDim : type.getDimSize(1);
  if (perHead)
    value = splitHeads(value, width);
  Wiring wiring(builder.getContext(), loc, width);
  if (failed(buildInner(subLayer, site, width, wiring)))
    return failure();
  ArrayRef<int64_t> shape = cast<RankedTensorType>(value.getType()).getShape();
  FailureOr<Streams> normed = emit(
      wiring, shape.drop_back(), [&](StringRef) { return value; },
      siteName(name));
  if (failed(normed))
    return failure();
  value = perHead ? joinHeads(normed->front()) : normed->front();
  return success();
}

Value Forward::headScale(Value context) {
  int64_t heads = hidden / headDim;
  std::string name = atLayer(layerName("self_attn.head_scale"), layer);
  if (failed(variables.declare(loc, name, variables.f32({heads}),
                               Role::Parameter,
                               variables.init(InitKind::Constant, 1), "scale")))
    return {};
  MLIRContext *ctx = builder.getContext();
  AffineMap ofHead = AffineMap::get(2, 0, getAffineDimExpr(1, ctx));
  auto op = RowwiseOp::create(
      builder, loc, ArrayRef<int64_t>{rows, heads},
      ValueRange{splitHeads(context, headDim), load(name)},
      ArrayRef<AffineMap>{RowwiseOp::identityMap(ctx, 2), ofHead}, ValueRange(),
      ArrayRef<double>(),
      TypeRange(VectorType::get(headDim, builder.getF32Type())), TypeRange(),
      ArrayRef<AffineMap>());
  setSite(op, siteName("attention.head_scale"), layer);
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  RowBuilder b(body, loc);
  Value scaled = b.mul(op.getRowArgument(0), op.getRowArgument(1));
  YieldOp::create(body, loc, ValueRange(scaled), ValueRange());
  return joinHeads(op.getRowResults()[0]);
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

Value Forward::matmul(Value input, StringRef weight, const Twine &site,
                      const Twine &name) {
  Value matrix = load(weight);
  auto result = RankedTensorType::get(
      {rows, cast<RankedTensorType>(matrix.getType()).getDimSize(0)},
      builder.getF32Type());
  auto op = MatmulOp::create(builder, loc, TypeRange(result), ValueRange(input),
                             ValueRange(matrix), ValueRange(),
                             /*transpose_lhs=*/false,
                             /*transpose_rhs=*/true, /*reduce=*/false);
  setSite(op, site.str(), layer);
  setName(op->getResult(0), name.str());
  return op->getResult(0);
}

Value Forward::project(const SubLayer &subLayer, Value input, StringRef weight,
                       int64_t outputs, StringRef weightClass, StringRef name) {
  int64_t inputs = cast<RankedTensorType>(input.getType()).getDimSize(1);
  double std = model.getDouble("initializer_range");
  if (auto factors = subLayer.placement.getAs<DictionaryAttr>("init_factor"))
    if (auto factor = factors.getAs<FloatAttr>(weightClass))
      std *= factor.getValueAsDouble();
  if (auto gains = subLayer.placement.getAs<DictionaryAttr>("init_xavier"))
    if (auto gain = gains.getAs<FloatAttr>(weightClass))
      std = gain.getValueAsDouble() *
            std::sqrt(2.0 / static_cast<double>(inputs + outputs));
  std::string variable = atLayer(layerName(weight), layer);
  StringRef parameterClass = weightClass;
  if (parameterClass.starts_with("ffn"))
    parameterClass = "ffn";
  if (failed(variables.declare(
          loc, variable, variables.f32({outputs, inputs}), Role::Parameter,
          variables.init(InitKind::Normal, std), parameterClass)))
    return {};
  StringRef part = subLayer.sites.isMlp ? "mlp." : "attention.";
  bool isLast = weightClass == "o" || weightClass == "ffn_out";
  return matmul(input, variable, siteName(part + name),
                siteName(part + (isLast ? StringRef("out") : name)));
}

Value Forward::attend(Value q, Value k, Value v) {
  int64_t heads = model.getInt("num_attention_heads");
  FloatAttr scale = model.findDouble("attention_scale");
  Value cos = load("rope_cos"), sin = load("rope_sin");
  Operation *op;
  if (generation == Generation::Decode) {
    Value keys = load(cacheVariable("keys"));
    Value values = load(cacheVariable("values"));
    auto step = AttentionStepOp::create(
        builder, loc, q.getType(), keys.getType(), values.getType(), q, k, v,
        cos, sin, keys, values, load("decode_position"),
        builder.getI64IntegerAttr(heads), scale);
    store(step.getNewKeys(), cacheVariable("keys"));
    store(step.getNewValues(), cacheVariable("values"));
    op = step;
  } else {
    if (generation == Generation::Prefill) {
      store(k, cacheVariable("keys"));
      store(v, cacheVariable("values"));
    }
    Type ofHeads = RankedTensorType::get({rows, heads}, builder.getF32Type());
    SmallVector<Type> ofScores(isMeasured ? 2 : 0, ofHeads);
    auto whole = AttentionOp::create(builder, loc, q.getType(), ofHeads,
                                     ofScores, q, k, v, cos, sin,
                                     builder.getI64IntegerAttr(heads), scale);
    scores = whole.getScores();
    op = whole;
  }
  setSite(op, siteName("attention.core"), layer);
  setName(op->getResult(0), siteName("attention.context"));
  return op->getResult(0);
}

Value Forward::attention(const SubLayer &subLayer, Value input) {
  int64_t kvWidth = model.getInt("num_key_value_heads") * headDim;
  Value q = project(subLayer, input, "self_attn.q_proj.weight", hidden, "qk",
                    "q_proj");
  Value k = project(subLayer, input, "self_attn.k_proj.weight", kvWidth, "qk",
                    "k_proj");
  Value v = project(subLayer, input, "self_attn.v_proj.weight", kvWidth, "v",
                    "v_proj");
  if (!q || !k || !v ||
      failed(innerNorm(subLayer, "q", "attention.q_norm", q)) ||
      failed(innerNorm(subLayer, "k", "attention.k_norm", k)) ||
      failed(innerNorm(subLayer, "v", "attention.v_norm", v)))
    return {};
  Value context = attend(q, k, v);
  if (subLayer.placement.get("head_scale"))
    context = headScale(context);
  if (!context ||
      failed(innerNorm(subLayer, "ctx", "attention.o_norm", context)))
    return {};
  return project(subLayer, context, "self_attn.o_proj.weight", hidden, "o",
                 "o_proj");
}

Value Forward::mlp(const SubLayer &subLayer, Value input) {
  int64_t width = model.getInt("intermediate_size");
  Value gate = project(subLayer, input, "mlp.gate_proj.weight", width, "ffn_in",
                       "gate_proj");
  Value up = project(subLayer, input, "mlp.up_proj.weight", width, "ffn_in",
                     "up_proj");
  if (!gate || !up)
    return {};
  Type row = VectorType::get(width, builder.getF32Type());
  auto op = RowwiseOp::create(builder, loc, ArrayRef<int64_t>{rows},
                              ValueRange{gate, up}, ArrayRef<AffineMap>(),
                              ValueRange(), ArrayRef<double>(), TypeRange(row),
                              TypeRange(), ArrayRef<AffineMap>());
  setSite(op, siteName("mlp.swiglu"), layer);
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  RowBuilder b(body, loc);
  Value g = op.getRowArgument(0);
  Value product = b.mul(b.mul(g, b.sigmoid(g)), op.getRowArgument(1));
  YieldOp::create(body, loc, ValueRange(product), ValueRange());
  Value middle = op.getRowResults()[0];
  if (failed(innerNorm(subLayer, "ffn_mid", "mlp.down_norm", middle)))
    return {};
  return project(subLayer, middle, "mlp.down_proj.weight", hidden, "ffn_out",
                 "down_proj");
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

LogicalResult Forward::subLayer(const SubLayer &subLayer) {
  StringRef part = subLayer.sites.isMlp ? "mlp" : "attention";
  auto find = [&](StringRef name) { return lookup(name); };
  branch = tap = {};
  bool isMlp = subLayer.sites.isMlp;
  if ((tapsSubLayers || (tapsLayers && !isMlp)) &&
      failed(tapStream(siteName(part + ".tap"))))
    return failure();
  if (!isMlp)
    blockInput = streams.front();
  Value before = streams.front();
  Wiring read(builder.getContext(), loc, hidden);
  if (failed(buildRead(subLayer, read)))
    return failure();
  FailureOr<Streams> input = emit(read, {rows}, find, siteName(part + ".read"));
  if (failed(input))
    return failure();
  if (auto result = dyn_cast<OpResult>(input->front());
      result && getName(result).empty())
    setName(result, siteName(part + ".in"));

  branch = isMlp ? mlp(subLayer, input->front())
                 : attention(subLayer, input->front());
  if (!branch)
    return failure();
  Wiring combine(builder.getContext(), loc, hidden);
  if (failed(buildCombine(subLayer, combine)))
    return failure();
  FailureOr<Streams> joined =
      emit(combine, {rows}, find, siteName(part + ".combine"));
  if (failed(joined))
    return failure();
  std::string name = siteName(isMlp ? "stream" : "attention.stream");
  for (auto [i, value] : llvm::enumerate(*joined)) {
    auto result = dyn_cast<OpResult>(value);
    if (result && getName(result).empty())
      setName(
          result,
          i == 0
              ? name
              : name + "." +
                    cast<StringAttr>(model.getStreams()[i]).getValue().str());
  }
  streams = *joined;
  Place place{before, input->front(), branch, streams.front(), tap};
  if (isMeasured && !isMlp) {
    place.peak = scores[0];
    place.entropy = scores[1];
  }
  places.push_back(place);
  return success();
}

LogicalResult Forward::block(BlockOp block, int64_t index) {
  layer = index;
  loc = block.getLoc();
  for (bool isMlp : {false, true}) {
    PlacementAttr own = isMlp ? block.getMlp() : block.getAttention();
    SubLayer place{model, loc, own,
                   sitesOf(model, block.getAttention(), own, isMlp)};
    if (failed(subLayer(place)))
      return failure();
  }
  firstStream.push_back(streams.front());
  layer = -1;
  loc = model.getLoc();
  return success();
}

FailureOr<Forward::Streams> Forward::emitEnd(StringRef name, bool isInit) {
  PlacementOp op = lookupPlacement(model, name);
  if (!op)
    return isInit ? Streams(model.getStreams().size(), embedding)
                  : Streams{streams.front()};
  Region &region = isInit ? op.getCombine() : op.getRead();
  if (region.empty())
    return op.emitOpError()
           << "needs the region " << (isInit ? "combine" : "read");
  ArrayAttr inputs = isInit ? op.getCombineInputs() : op.getReadInputs();
  size_t expected = isInit ? model.getStreams().size() : 1;
  auto yield = cast<YieldOp>(region.front().getTerminator());
  if (yield.getRows().size() != expected)
    return op.emitOpError() << "yields " << yield.getRows().size()
                            << " rows, expected " << expected;
  Type row = VectorType::get(hidden, builder.getF32Type());
  if (yield.getRows().front().getType() != row)
    return op.emitOpError()
           << "yields rows of type " << yield.getRows().front().getType()
           << ", expected " << row;
  if (region.getNumArguments() != inputs.size())
    return op.emitOpError("takes numbers of a layer, but stands outside them");
  Wiring wiring(builder.getContext(), op.getLoc(), hidden);
  wiring.yield(wiring.inlineRegion(op, isInit, {}));
  return emit(wiring, {rows}, [&](StringRef key) { return lookup(key); }, name);
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

LogicalResult Forward::table(StringRef name, double std,
                             StringRef parameterClass) {
  return variables.declare(
      model.getLoc(), name, variables.f32({model.getInt("vocab_size"), hidden}),
      Role::Parameter, variables.init(InitKind::Normal, std), parameterClass);
}

LogicalResult Forward::begin() {
  if (failed(table("model.embed_tokens.weight",
                   model.getDouble("embedding_std"), "embed")))
    return failure();
  auto op = EmbeddingOp::create(
      builder, loc, RankedTensorType::get({rows, hidden}, builder.getF32Type()),
      load("model.embed_tokens.weight"),
      load(generation == Generation::Decode    ? "decode_id"
           : generation == Generation::Prefill ? "prefill_ids"
                                               : "input_ids"));
  setSite(op, "embedding");
  setName(op->getResult(0), "embedding");
  embedding = op.getResult();

  FailureOr<Streams> started = emitEnd("init", /*isInit=*/true);
  if (failed(started))
    return failure();
  streams = *started;
  if (auto result = dyn_cast<OpResult>(streams.front());
      result && getName(result).empty())
    setName(result, "stream");
  firstStream = {streams.front()};
  return success();
}

Value Forward::head() {
  blockInput = branch = {};
  FailureOr<Streams> out = emitEnd("readout", /*isInit=*/false);
  if (failed(out) ||
      failed(table("lm_head.weight", model.getDouble("initializer_range"),
                   "head")))
    return {};
  FloatAttr scale = model.findDouble("logit_scale");
  Value logits = matmul(out->front(), "lm_head.weight", "head",
                        scale ? "unscaled_logits" : "logits");
  return scale ? scaled(logits, scale.getValueAsDouble()) : logits;
}

LogicalResult Forward::blocks() {
  int64_t index = 0;
  for (BlockOp op : model.getBody().getOps<BlockOp>())
    if (failed(block(op, index++)))
      return failure();
  return success();
}

Value Forward::logits() {
  if (failed(begin()) || failed(blocks()))
    return {};
  return head();
}

Value Forward::scaled(Value logits, double scale) {
  Type row = VectorType::get(model.getInt("vocab_size"), builder.getF32Type());
  auto op = RowwiseOp::create(
      builder, loc, ArrayRef<int64_t>{rows}, ValueRange(logits),
      ArrayRef<AffineMap>(), ValueRange(), ArrayRef<double>(scale),
      TypeRange(row), TypeRange(), ArrayRef<AffineMap>());
  setSite(op, "head.scale");
  setName(op->getResult(0), "logits");
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  RowBuilder b(body, loc);
  Value product = b.mul(op.getRowArgument(0), op.getValueArgument(0));
  YieldOp::create(body, loc, ValueRange(product), ValueRange());
  return op.getRowResults()[0];
}

Forward::Losses Forward::loss(Value logits) {
  int64_t vocabulary = model.getInt("vocab_size");
  auto op = RowwiseOp::create(
      builder, loc, ArrayRef<int64_t>{rows},
      ValueRange{logits, load("targets")}, ArrayRef<AffineMap>(), ValueRange(),
      ArrayRef<double>(), TypeRange(),
      TypeRange{builder.getF32Type(), builder.getF32Type()},
      ArrayRef<AffineMap>());
  setSite(op, "loss");
  setName(op->getResult(0), "loss");
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  RowBuilder b(body, loc);
  Value x = op.getRowArgument(0), target = op.getRowArgument(1);
  Value largest = b.stopGradient(b.maxOf(x));
  Value logSum = b.add(b.log(b.sum(b.exp(b.sub(x, largest)))), largest);
  Value zero = b.constant(0);
  Value chosen = b.sum(b.select(b.isColumn(target, vocabulary), x, zero));
  Value none = arith::ConstantOp::create(body, loc, body.getI32IntegerAttr(0));
  Value counts =
      arith::CmpIOp::create(body, loc, arith::CmpIPredicate::sge, target, none);
  Value loss = b.select(counts, b.sub(logSum, chosen), zero);
  Value z = b.select(counts, b.mul(logSum, logSum), zero);
  YieldOp::create(body, loc, ValueRange(), ValueRange{loss, z});
  return {op.getSumResults()[0], op.getSumResults()[1]};
}

Value Forward::streamRms() {
  SmallVector<Value> squares;
  for (auto [i, stream] : llvm::enumerate(firstStream)) {
    auto op = RowwiseOp::create(
        builder, loc, ArrayRef<int64_t>{rows}, ValueRange(stream),
        ArrayRef<AffineMap>(), ValueRange(), ArrayRef<double>(), TypeRange(),
        TypeRange(builder.getF32Type()), ArrayRef<AffineMap>());
    int64_t after = static_cast<int64_t>(i) - 1;
    setSite(op,
            after < 0 ? "stream.squares"
                      : ("layers." + Twine(after) + ".stream.squares").str(),
            after);
    OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
    RowBuilder b(body, loc);
    Value x = op.getRowArgument(0);
    YieldOp::create(body, loc, ValueRange(), ValueRange(b.sum(b.mul(x, x))));
    squares.push_back(op.getSumResults()[0]);
  }
  auto count = static_cast<int64_t>(squares.size());
  Value all = tensor::ConcatOp::create(
      builder, loc, RankedTensorType::get({count}, builder.getF32Type()), 0,
      squares);
  double share = 1 / static_cast<double>(rows * hidden);
  auto op = RowwiseOp::create(
      builder, loc, ArrayRef<int64_t>{count}, ValueRange(all),
      ArrayRef<AffineMap>(), ValueRange(), ArrayRef<double>{share},
      TypeRange(builder.getF32Type()), TypeRange(), ArrayRef<AffineMap>());
  setSite(op, "stream_rms");
  OpBuilder body = OpBuilder::atBlockEnd(op.getBodyBlock());
  RowBuilder b(body, loc);
  Value mean = b.mul(op.getRowArgument(0), op.getValueArgument(0));
  YieldOp::create(body, loc, ValueRange(b.sqrt(mean)), ValueRange());
  return op.getRowResults()[0];
}
