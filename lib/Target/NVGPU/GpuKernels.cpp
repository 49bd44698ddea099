//===- GpuKernels.cpp - Kernels of the GPU target -------------------------===//

#include "mixln/Target/GpuKernels.h"

#include "../KernelSpecs.h"
#include "mixln-rt/program.h"
#include "mixln/Conversion/AttentionToNVVM.h"
#include "mixln/Conversion/EmbeddingToGPU.h"
#include "mixln/Conversion/MatmulToNVVM.h"
#include "mixln/Conversion/RowsToGPU.h"
#include "mixln/Conversion/RowsToVector.h"
#include "mixln/IR/Joined.h"
#include "mixln/IR/PaddedRows.h"
#include "mixln/Target/OperationNames.h"

#include "mlir/IR/AsmState.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

static int64_t rowsOf(Value value) { return typeOf(value).getDimSize(0); }
static int64_t columnsOf(Value value) { return typeOf(value).getDimSize(1); }

//===----------------------------------------------------------------------===//
// Specifications
//===----------------------------------------------------------------------===//

/// Whether rows are multiples of what a thread loads at once.
static bool isAligned(int64_t columns) { return columns % 8 == 0; }

static rt::ElementType runtimeType(Value value) {
  return elementOf(value) == Element::BF16 ? rt::ElementType::BF16
                                           : rt::ElementType::F32;
}

static rt::LibraryMatmul specOf(MatmulOp op) {
  rt::LibraryMatmul spec;
  spec.transposeA = op.getTransposeLhs();
  spec.transposeB = op.getTransposeRhs();
  spec.a = runtimeType(op.getLhs().front());
  spec.b = runtimeType(op.getRhs().front());
  spec.d = runtimeType(op.getResults().front());
  spec.accumulate = !op.getInto().empty();
  return spec;
}

static std::string nameOf(const rt::LibraryMatmul &spec) {
  auto letter = [](bool transposed) { return transposed ? "t" : "n"; };
  auto type = [](rt::ElementType element) {
    return element == rt::ElementType::BF16 ? "bf16" : "f32";
  };
  std::string name = std::string("matmul.") + letter(spec.transposeA) +
                     letter(spec.transposeB) + "." + type(spec.a) + "." +
                     type(spec.d);
  return name + (spec.accumulate ? ".add" : "");
}

/// m, n, k and leading dimensions.
static GpuMatmulSizes sizesOf(MatmulOp op) {
  return {op.getM(),
          op.getN(0),
          op.getK(0),
          getRowStride(typeOf(op.getLhs()[0])),
          getRowStride(typeOf(op.getRhs()[0])),
          getRowStride(typeOf(op.getResults()[0]))};
}

static GpuMatmulSpec generatedSpecOf(const GpuInfo &gpu, MatmulOp op) {
  GpuMatmulSpec spec;
  spec.transposeA = op.getTransposeLhs();
  spec.transposeB = op.getTransposeRhs();
  spec.side = elementOf(op.getLhs().front());
  spec.result = elementOf(op.getResults().front());
  spec.accumulate = !op.getInto().empty();
  GpuMatmulSizes sizes = sizesOf(op);
  spec.aligned = isAligned(sizes.leadingA) && isAligned(sizes.leadingB) &&
                 isAligned(sizes.leadingD);
  spec.large = wantsLargeTiles(gpu, spec, sizes);
  return spec;
}

/// Why neither the library nor a generated kernel computes `op`; empty if they
/// do.
static std::string whyNoProduct(MatmulOp op) {
  if (op.getNumProducts() != 1)
    return "is a list of products, expected one: mixln-split-products is "
           "missing";
  if (elementOf(op.getLhs()[0]) != elementOf(op.getRhs()[0]))
    return "multiplies f32 with bf16: a cast of the f32 side is missing";
  for (Value side : op->getOperands())
    if (isa_and_nonnull<PackedAttr, PairedAttr>(typeOf(side).getEncoding()))
      return "reads a packed side, which only kernels of a CPU do";
  return "";
}

//===----------------------------------------------------------------------===//
// Keys and names
//===----------------------------------------------------------------------===//

static std::string nameOf(const GpuInfo &gpu, JoinedOp op) {
  return "matmul." + generatedSpecOf(gpu, op.getProduct()).name() + ".joined";
}

static std::string alignment(bool aligned) { return aligned ? "" : ".odd"; }

std::string GpuKernels::getKey(Operation *op) {
  return TypeSwitch<Operation *, std::string>(op)
      .Case([](RowwiseOp op) { return getRowKey(op); })
      .Case([&](MatmulOp op) {
        return matmuls == MatmulSource::Library
                   ? nameOf(specOf(op))
                   : "matmul." + generatedSpecOf(gpu, op).name();
      })
      .Case([&](JoinedOp op) {
        // All shapes are part of it: the program knows its columns.
        std::string text = nameOf(gpu, op);
        text += op.getKeepsProduct() ? ".kept" : "";
        llvm::raw_string_ostream os(text);
        // With names for the arguments: which of them is the product, and in
        // which order the others are read, is part of it too.
        AsmState state(op, OpPrintingFlags().useLocalScope());
        for (Operation &inner : op.getBody().front())
          inner.print(os << "\n", state);
        return text;
      })
      .Case([](AttentionOp op) {
        return "attention." + attentionSpecOf(op).name();
      })
      .Case([](AttentionGradOp op) {
        return "attention_grad." + attentionSpecOf(op).name();
      })
      .Case([](AttentionStepOp op) {
        return "attention_step." + attentionSpecOf(op).name();
      })
      .Case([](EmbeddingOp op) {
        return embeddingSpecOf(op).name() +
               alignment(isAligned(columnsOf(op.getResult())));
      })
      .Case([](EmbeddingGradOp op) {
        return embeddingSpecOf(op).name() +
               alignment(isAligned(columnsOf(op.getResult())));
      })
      .Default([](Operation *) { return std::string(); });
}

std::string GpuKernels::getName(Operation *op) {
  if (auto joined = dyn_cast<JoinedOp>(op))
    return nameOf(gpu, joined);
  auto row = dyn_cast<RowwiseOp>(op);
  return row ? getRowName(row) : getKey(op);
}

/// PTX has no points in names.
static std::string ptxName(StringRef symbol) {
  std::string name = symbol.str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = c == '.' ? '$' : '_';
  return name;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Launch GpuKernels::getLaunch(Operation *op) {
  return TypeSwitch<Operation *, Launch>(op)
      .Case([](RowwiseOp op) { return getGpuRowLaunch(op); })
      .Case([&](MatmulOp op) {
        GpuMatmulSizes sizes = sizesOf(op);
        if (matmuls == MatmulSource::Generated)
          return gpuMatmulLaunch(generatedSpecOf(gpu, op), sizes);
        Launch launch;
        launch.tasks = {1};
        launch.sizes = {sizes.m,        sizes.n,        sizes.k,
                        sizes.leadingA, sizes.leadingB, sizes.leadingD};
        launch.shapes = {{0, 0}};
        return launch;
      })
      .Case([&](JoinedOp op) {
        MatmulOp product = op.getProduct();
        return gpuMatmulLaunch(generatedSpecOf(gpu, product), sizesOf(product));
      })
      .Case([&](AttentionOp op) {
        AttentionSpec spec = attentionSpecOf(op);
        return gpuAttentionLaunch(spec, gpu, rowsOf(op.getQ()) / spec.seqLen);
      })
      .Case([&](AttentionGradOp op) {
        AttentionSpec spec = attentionSpecOf(op);
        return gpuAttentionGradLaunch(spec, gpu,
                                      rowsOf(op.getQ()) / spec.seqLen);
      })
      .Case([](AttentionStepOp op) {
        return gpuAttentionStepLaunch(attentionSpecOf(op));
      })
      .Case([](EmbeddingOp op) {
        return gpuEmbeddingLaunch(rowsOf(op.getResult()),
                                  columnsOf(op.getResult()));
      })
      .Case([](EmbeddingGradOp op) {
        return gpuEmbeddingGradLaunch(embeddingSpecOf(op), rowsOf(op.getDy()),
                                      columnsOf(op.getDy()),
                                      rowsOf(op.getResult()));
      })
      .Default([](Operation *) { return Launch(); });
}

int64_t GpuKernels::getBytes(RankedTensorType type) {
  int64_t rows = type.getNumElements() / type.getShape().back();
  return rows * getRowStride(type) * type.getElementTypeBitWidth() / 8;
}

bool GpuKernels::canWriteInPlace(Operation *op, unsigned operand,
                                 unsigned result) {
  auto row = dyn_cast<RowwiseOp>(op);
  return row && canGpuRowWriteInPlace(row, operand, result);
}

bool GpuKernels::canJoin(Operation *product, Operation *rows) {
  return matmuls == MatmulSource::Generated &&
         isGpuElementwise(cast<RowwiseOp>(rows),
                          cast<MatmulOp>(product).getN(0));
}

void GpuKernels::describe(Operation *op, rt::Kernel &kernel) {
  for (const BlockShape &shape : getLaunch(op).shapes)
    kernel.launches.push_back({shape.threads, shape.sharedBytes});
  if (auto matmul = dyn_cast<MatmulOp>(op);
      matmul && matmuls == MatmulSource::Library) {
    kernel.library = "matmul";
    kernel.matmul = specOf(matmul);
  }
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

LogicalResult GpuKernels::emitKernel(Operation *op, StringRef kernel,
                                     ModuleOp module,
                                     SmallVectorImpl<std::string> &phases) {
  std::string symbol = ptxName(kernel);
  GpuBuilder builder(module, gpu);
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](RowwiseOp op) {
        return emitGpuRowKernel(op, symbol, builder, phases);
      })
      .Case([&](MatmulOp op) -> LogicalResult {
        if (std::string why = whyNoProduct(op); !why.empty())
          return op.emitError(why);
        phases.push_back(symbol);
        if (matmuls == MatmulSource::Generated)
          emitGpuMatmulKernel(builder, symbol, generatedSpecOf(gpu, op));
        return success();
      })
      .Case([&](JoinedOp op) -> LogicalResult {
        if (std::string why = whyNoProduct(op.getProduct()); !why.empty())
          return op.emitError(why);
        if (!isGpuElementwise(op.getReader(), op.getProduct().getN(0)))
          return op.emitError("has a row program that needs whole rows");
        phases.push_back(symbol);
        emitGpuJoinedKernel(builder, symbol,
                            generatedSpecOf(gpu, op.getProduct()), op);
        return success();
      })
      .Case([&](AttentionOp op) {
        emitGpuAttentionKernel(builder, symbol, attentionSpecOf(op), phases);
        return success();
      })
      .Case([&](AttentionGradOp op) {
        emitGpuAttentionGradKernel(builder, symbol, attentionSpecOf(op),
                                   phases);
        return success();
      })
      .Case([&](AttentionStepOp op) {
        emitGpuAttentionStepKernel(builder, symbol, attentionSpecOf(op),
                                   phases);
        return success();
      })
      .Case([&](EmbeddingOp op) {
        phases.push_back(symbol);
        emitGpuEmbeddingKernel(builder, symbol, embeddingSpecOf(op),
                               isAligned(columnsOf(op.getResult())));
        return success();
      })
      .Case([&](EmbeddingGradOp op) {
        emitGpuEmbeddingGradKernel(builder, symbol, embeddingSpecOf(op),
                                   isAligned(columnsOf(op.getResult())),
                                   phases);
        return success();
      })
      .Default([](Operation *op) {
        return op->emitError("has no kernel on a GPU");
      });
}
