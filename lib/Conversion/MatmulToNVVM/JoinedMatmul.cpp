//===- JoinedMatmul.cpp - Row programs where a product is stored ----------===//
//
// The program reads 8 columns of the product, rounded as they would have been
// in memory, from registers, and all else from where it lies.
//
//===----------------------------------------------------------------------===//

#include "MatmulTiles.h"

#include "mixln/Conversion/RowsToGPU.h"
#include "mixln/IR/Joined.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mixln;
using namespace mixln::matmul;

static Element elementOf(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType().isBF16()
             ? Element::BF16
             : Element::F32;
}

static Value rounded(GpuBuilder &b, Value numbers, Element element) {
  if (element == Element::F32)
    return numbers;
  Type type = numbers.getType(), bf16 = b.getBF16Type();
  if (auto vector = dyn_cast<VectorType>(type))
    bf16 = vector.clone(bf16);
  Value narrow = arith::TruncFOp::create(b, bf16, numbers);
  return arith::ExtFOp::create(b, type, narrow);
}

void mixln::emitGpuJoinedKernel(GpuBuilder &b, StringRef symbol,
                                const GpuMatmulSpec &spec, JoinedOp op) {
  MatmulOp product = op.getProduct();
  RowwiseOp reader = op.getReader();
  size_t inputs = op.getInputs().size();
  int64_t columns = product.getN(0);
  GpuSignature signature;
  signature.readOnly.append(inputs, true);
  signature.readOnly.append(op.getOutputs().size(), false);
  signature.sizes = 6;
  signature.threads = shapeOf(spec).threads();
  auto numberOf = [](Value input) {
    return cast<BlockArgument>(input).getArgNumber();
  };
  b.gpuFunction(symbol, signature, [&](GpuBuilder::Parameters parameters) {
    ValueRange pointers = parameters.pointers;
    ValueRange outputs = pointers.drop_front(inputs);
    auto emit = [&](Value numbers, Value row, Value column, int64_t count) {
      Value at = b.add(b.mul(row, columns), column);
      auto address = [&](Value pointer, Value index, Element element) {
        return b.offset(pointer, index, element);
      };
      numbers = rounded(b, numbers, spec.result);
      auto load = [&](unsigned i) {
        Value operand = reader->getOperand(i);
        if (operand == product->getResult(0))
          return numbers;
        Element element = elementOf(operand);
        bool isShared = i >= reader.getRows().size();
        return b.loadNumbers(address(pointers[numberOf(operand)],
                                     isShared ? column : at, element),
                             count, typeOf(b, element));
      };
      auto store = [&](Value value, unsigned i) {
        Element element = elementOf(op.getOutputs()[i]);
        b.storeNumbers(value, address(outputs[i], at, element),
                       typeOf(b, element));
      };
      unsigned first = op.getKeepsProduct();
      emitGpuElements(
          b, reader, count, column, load,
          [&](unsigned i, Value value) { store(value, first + i); });
      if (first)
        store(numbers, 0);
    };
    emitBody(b, spec, parameters, pointers[numberOf(product.getLhs()[0])],
             pointers[numberOf(product.getRhs()[0])], emit);
  });
}
