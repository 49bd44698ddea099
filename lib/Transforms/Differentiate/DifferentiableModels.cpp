//===- DifferentiableModels.cpp - Registers the backward of tensor ops ----===//

#include "mixln/Transforms/Differentiate/DifferentiableModels.h"
#include "mixln/IR/Mixln.h"
#include "mixln/IR/Sites.h"
#include "mixln/Transforms/Differentiate/Differentiate.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mixln;

void mixln::registerDifferentiableModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MixlnDialect *) {
    attachRowwiseModel(context);
    attachMatmulModels(context);
    attachTokenModels(context);
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attachShapeModels(context);
  });
}

void mixln::setBackwardSite(Operation *from, Operation *to) {
  StringRef site = getSite(from);
  if (!site.empty())
    setSite(to, (site + ".backward").str(), getLayer(from));
}
