//===- Optimizers.cpp - Entries that read gradients -----------------------===//
//
// The optimizer is row programs like everything else: one adds up the squares
// of a gradient, one turns the total into the clipping factor, one makes a
// step of a parameter.
//
//===----------------------------------------------------------------------===//

#include "mixln/Transforms/Differentiate/Optimizers.h"
#include "EntryBuilder.h"
#include "mixln/Transforms/Differentiate/RowwiseBuilder.h"
#include "mixln/Transforms/Differentiate/TensorHelpers.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mixln;

StringRef mixln::getParameterClass(VariableOp parameter) {
  return parameter.getParameterClass().value_or("other");
}

int64_t mixln::getLayerOf(VariableOp parameter) {
  StringRef name = parameter.getSymName();
  int64_t layer = -1;
  if (name.consume_front("model.layers.") && !name.consumeInteger(10, layer) &&
      name.starts_with("."))
    return layer;
  return -1;
}

Value EntryBuilder::addSquares(VariableOp parameter, Value start) {
  RowView rows(builder, loc, cast<RankedTensorType>(parameter.getType()));
  Value grad = rows.view(load("grad." + parameter.getSymName()));
  RowwiseBuilder program(builder, loc, rows.domain());
  program.setSite((parameter.getSymName() + ".grad_norm").str(),
                  getLayerOf(parameter));
  RowBuilder &b = program.arithmetic;
  Value row = program.row(grad);
  program.yieldSum(b.sum(b.mul(row, row)), {}, start);
  return program.finish().front();
}

/// g  = coefficient * grad + decay * p
/// m' = beta1 * m + (1 - beta1) * g,  v' = beta2 * v + (1 - beta2) * g^2
/// p' = p - lr * (decoupled_decay * p
///                + (m' / bias_correction1) / (sqrt(v' / bias_correction2) +
///                eps))
/// as torch.optim.Adam (decoupled_decay = 0) and AdamW (decay = 0) have it.
void EntryBuilder::step(VariableOp parameter, Value coefficient) {
  StringRef name = parameter.getSymName(), key = getParameterClass(parameter);
  RowView rows(builder, loc, cast<RankedTensorType>(parameter.getType()));
  RowwiseBuilder program(builder, loc, rows.domain());
  program.setSite((name + ".step").str(), getLayerOf(parameter));
  RowBuilder &b = program.arithmetic;

  Value p = program.row(rows.view(load(name)));
  Value m = program.row(rows.view(load("adam_m." + name)));
  Value v = program.row(rows.view(load("adam_v." + name)));
  Value grad = program.row(rows.view(load("grad." + name)));
  Value coef = program.shared(coefficient);
  auto shared = [&](const Twine &scalarName) {
    return program.shared(scalar(scalarName));
  };
  Value lr = shared("lr." + key), decay = shared("decay." + key);
  Value decoupled = shared("decoupled_decay." + key);
  Value beta1 = shared("beta1"), beta2 = shared("beta2"), eps = shared("eps");
  Value correction1 = shared("bias_correction1");
  Value correction2 = shared("bias_correction2");
  FloatAttr multiplier = parameter.getLrMultAttr();
  Value lrMult =
      program.value(multiplier ? multiplier.getValueAsDouble() : 1.0);
  // An immediate, so that parameters with and without decay share a kernel.
  Value decays = program.value(parameter.getDecay().value_or(true) ? 1.0 : 0.0);

  Value one = b.constant(1.0);
  Value g = b.add(b.mul(coef, grad), b.mul(b.mul(decay, decays), p));
  Value newM = b.add(b.mul(beta1, m), b.mul(b.sub(one, beta1), g));
  Value newV = b.add(b.mul(beta2, v), b.mul(b.sub(one, beta2), b.mul(g, g)));
  // Numbers are inverted once, so that an element costs one division.
  Value unbiasedM = b.mul(newM, b.div(one, correction1));
  Value unbiasedV = b.mul(newV, b.div(one, correction2));
  Value direction = b.div(unbiasedM, b.add(b.sqrt(unbiasedV), eps));
  Value change = b.add(b.mul(b.mul(decoupled, decays), p), direction);
  Value newP = b.sub(p, b.mul(b.mul(lr, lrMult), change));
  program.yieldRow(newP);
  program.yieldRow(newM);
  program.yieldRow(newV);
  SmallVector<Value> results = program.finish();
  store(rows.back(results[0]), name);
  store(rows.back(results[1]), "adam_m." + name);
  store(rows.back(results[2]), "adam_v." + name);
}

void mixln::buildUpdate(EntryOp entry, ArrayRef<VariableOp> parameters) {
  if (parameters.empty())
    return;
  EntryBuilder e(entry);
  Value total;
  for (VariableOp parameter : parameters)
    total = e.addSquares(parameter, total);

  RowwiseBuilder clip(e.builder, e.loc, {1});
  clip.setSite("clip", -1);
  RowBuilder &b = clip.arithmetic;
  Value squares = clip.row(total);
  Value limit = clip.shared(e.scalar("max_grad_norm"));
  Value norm = b.sqrt(squares);
  Value one = b.constant(1.0);
  Value factor = b.min(one, b.div(limit, b.add(norm, b.constant(1e-6))));
  clip.yieldRow(norm);
  clip.yieldRow(b.select(b.greater(limit, b.constant(0.0)), factor, one));
  SmallVector<Value> results = clip.finish();
  e.store(results[0], "grad_norm");
  for (VariableOp parameter : parameters)
    e.step(parameter, results[1]);
}

void mixln::buildGradientNorms(EntryOp entry, ArrayRef<VariableOp> parameters,
                               int64_t layers) {
  EntryBuilder e(entry);
  SmallVector<Value> sums(layers);
  for (VariableOp parameter : parameters)
    if (int64_t layer = getLayerOf(parameter); layer >= 0)
      sums[layer] = e.addSquares(parameter, sums[layer]);
  for (Value &sum : sums)
    if (!sum)
      sum = buildZeros(e.builder, e.loc,
                       RankedTensorType::get({1}, e.builder.getF32Type()));
  Value all = layers == 1 ? sums.front()
                          : tensor::ConcatOp::create(e.builder, e.loc,
                                                     /*dim=*/0, sums)
                                .getResult();
  RowwiseBuilder roots(e.builder, e.loc, {layers});
  roots.setSite("layer_grad_norm", -1);
  roots.yieldRow(roots.arithmetic.sqrt(roots.row(all)));
  e.store(roots.finish().front(), "layer_grad_norm");
}
