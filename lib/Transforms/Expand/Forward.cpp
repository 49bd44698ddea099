//===- Forward.cpp - The forward pass of a model --------------------------===//

#include "Forward.h"
#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

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
    SubLayer place{model, loc, own, sitesOf(block.getAttention(), own, isMlp)};
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
