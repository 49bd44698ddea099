//===- Branches.cpp - Attention and MLP of a forward pass -----------------===//

#include "Forward.h"
#include "mixln/IR/Sites.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Heads and inner norms
//===----------------------------------------------------------------------===//

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
// Attention and MLP
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
