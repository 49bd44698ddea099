//===- CpuKernels.cpp - Kernels of the CPU target -------------------------===//
//
// From an operation to the specification that a builder of lib/Conversion
// takes. A specification has no extents that the kernel reads at run time, so
// its name is the kernel's key.
//
//===----------------------------------------------------------------------===//

#include "mixln/Target/CpuKernels.h"

#include "../KernelSpecs.h"
#include "mixln/Conversion/MatmulToVector.h"
#include "mixln/Conversion/MatvecToVector.h"
#include "mixln/Conversion/RowsToVector.h"
#include "mixln/Target/OperationNames.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mixln;

static bool isPacked(Value value) {
  return isa_and_nonnull<PackedAttr>(typeOf(value).getEncoding());
}

static bool isPaired(Value value) {
  return isa_and_nonnull<PairedAttr>(typeOf(value).getEncoding());
}

//===----------------------------------------------------------------------===//
// Specifications
//===----------------------------------------------------------------------===//

static MatmulSpec specOf(MatmulOp op) {
  MatmulSpec spec;
  spec.numLhs = op.getLhs().size();
  spec.numRhs = op.getRhs().size();
  spec.transposeLhs = op.getTransposeLhs();
  spec.rhsPacked = isPacked(op.getRhs().front());
  spec.accumulate = !op.getInto().empty();
  spec.reduce = op.getReduce();
  spec.product = elementOf(op.getLhs().front());
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    if (elementOf(result) == Element::BF16)
      spec.bf16Results |= uint64_t(1) << i;
  if (spec.product == Element::BF16 && !spec.transposeLhs)
    for (unsigned i = 0; i < op.getNumProducts(); ++i)
      spec.oddDepth |= op.getK(i) % 2 != 0;
  return spec;
}

/// Why the sides of `op` are not as a kernel reads them; empty if they are.
static std::string whyNoKernel(MatmulOp op) {
  bool words = elementOf(op.getLhs().front()) == Element::BF16;
  for (Value side : llvm::concat<Value>(op.getLhs(), op.getRhs()))
    if ((elementOf(side) == Element::BF16) != words)
      return "multiplies f32 with bf16: a pack of the f32 side is missing";
  for (Value rhs : op.getRhs()) {
    if (isPacked(rhs) != isPacked(op.getRhs().front()))
      return "has right sides of which only some are packed";
    if (op.getTransposeRhs() && !isPacked(rhs))
      return "reads its right side transposed but not packed";
    if (words && !isPacked(rhs) && !isPaired(rhs))
      return "reads a right side of bf16 that is neither packed nor paired";
  }
  for (Value lhs : op.getLhs())
    if (isPaired(lhs) != (words && op.getTransposeLhs()))
      return words && op.getTransposeLhs()
                 ? "reads its left side of bf16 transposed but not paired"
                 : "reads a paired left side that is not transposed";
  if (op.getResults().size() > 64)
    return "has more than 64 results";
  for (Value into : op.getInto())
    if (elementOf(into) == Element::BF16)
      return "adds into bf16";
  return "";
}

/// One row times weights as they lie in memory.
static bool isMatvec(MatmulOp op) {
  return op.isMatvec() && llvm::none_of(op.getRhs(), isPacked);
}

static MatvecSpec matvecSpecOf(MatmulOp op) {
  MatvecSpec spec;
  spec.numLhs = op.getLhs().size();
  spec.numRhs = op.getRhs().size();
  spec.product = op.multipliesBF16() ? Element::BF16 : Element::F32;
  spec.lhs = elementOf(op.getLhs().front());
  spec.rhs = elementOf(op.getRhs().front());
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    if (elementOf(result) == Element::BF16)
      spec.bf16Results |= uint64_t(1) << i;
  return spec;
}

/// Why the sides of `op` are not as that kernel reads them; empty if they are.
static std::string whyNoMatvec(MatmulOp op) {
  for (OperandRange sides : {op.getLhs(), op.getRhs()})
    for (Value side : sides)
      if (elementOf(side) != elementOf(sides.front()))
        return "multiplies sides of which only some are bf16";
  return op.getResults().size() > 64 ? "has more than 64 results" : "";
}

static PackSpec specOf(PackOp op) {
  PackSpec spec;
  spec.transposed =
      cast<PackedAttr>(typeOf(op.getResult()).getEncoding()).getTransposed();
  spec.from = elementOf(op.getValue());
  spec.to = elementOf(op.getResult());
  return spec;
}

static PairSpec pairSpecOf(PackOp op) { return {elementOf(op.getValue())}; }

static MatmulLaunch matmulLaunchOf(MatmulOp op, const TargetInfo &target) {
  SmallVector<MatmulExtents> products;
  for (unsigned i = 0; i < op.getNumProducts(); ++i) {
    MatmulExtents extents;
    extents.n = op.getN(i);
    extents.k = op.getK(i);
    products.push_back(extents);
  }
  return matmulLaunch(target, specOf(op), op.getM(), products);
}

//===----------------------------------------------------------------------===//
// Keys and names
//===----------------------------------------------------------------------===//

std::string CpuKernels::getKey(Operation *op) {
  return TypeSwitch<Operation *, std::string>(op)
      .Case([](RowwiseOp op) { return getRowKey(op); })
      .Case([](MatmulOp op) {
        return isMatvec(op) ? matvecSpecOf(op).name() : specOf(op).name();
      })
      .Case([](PackOp op) {
        return isPaired(op.getResult()) ? pairSpecOf(op).name()
                                        : specOf(op).name();
      })
      .Case([](AttentionOp op) {
        return "attention." + attentionSpecOf(op).name();
      })
      .Case([](AttentionStepOp op) {
        return "attention_step." + attentionSpecOf(op).name();
      })
      .Case([](AttentionGradOp op) {
        return "attention_grad." + attentionSpecOf(op).name();
      })
      .Case<EmbeddingOp, EmbeddingGradOp>(
          [](auto op) { return embeddingSpecOf(op).name(); })
      .Default([](Operation *) { return std::string(); });
}

std::string CpuKernels::getName(Operation *op) {
  if (auto row = dyn_cast<RowwiseOp>(op))
    return getRowName(row);
  return getKey(op);
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Launch CpuKernels::getLaunch(Operation *op) {
  auto rowsOf = [](Value value) { return typeOf(value).getDimSize(0); };
  auto columnsOf = [](Value value) { return typeOf(value).getDimSize(1); };
  return TypeSwitch<Operation *, Launch>(op)
      .Case([&](RowwiseOp op) { return getRowLaunch(op, target.lanes); })
      .Case([&](MatmulOp op) {
        Launch launch;
        if (isMatvec(op)) {
          SmallVector<std::pair<int64_t, int64_t>> products;
          for (unsigned i = 0; i < op.getNumProducts(); ++i) {
            products.push_back({op.getN(i), op.getK(i)});
            launch.sizes.append({op.getN(i), op.getK(i)});
          }
          launch.tasks = {matvecTasks(products)};
          return launch;
        }
        MatmulLaunch matmul = matmulLaunchOf(op, target);
        launch.tasks = {matmul.tasks};
        launch.sizes = matmul.sizes;
        launch.scratchBytes = matmul.scratchBytes;
        return launch;
      })
      .Case([&](PackOp op) {
        if (isPaired(op.getResult())) {
          int64_t rows = rowsOf(op.getValue()), d = columnsOf(op.getValue());
          Launch launch;
          launch.tasks = {pairTasks(rows, d)};
          launch.sizes = {rows, d};
          return launch;
        }
        PackSpec spec = specOf(op);
        // The panels' columns are the product's: rows of a weight that is
        // read transposed.
        int64_t n =
            spec.transposed ? rowsOf(op.getValue()) : columnsOf(op.getValue());
        int64_t k =
            spec.transposed ? columnsOf(op.getValue()) : rowsOf(op.getValue());
        Launch launch;
        launch.tasks = {packTasks(target, n, k)};
        launch.sizes = packSizes(spec, n, k);
        return launch;
      })
      .Case([&](AttentionOp op) {
        AttentionSpec spec = attentionSpecOf(op);
        Launch launch;
        launch.tasks = {attentionTasks(spec, rowsOf(op.getQ()) / spec.seqLen)};
        launch.scratchBytes = attentionScratchBytes(target, spec);
        return launch;
      })
      .Case([&](AttentionStepOp op) {
        AttentionSpec spec = attentionSpecOf(op);
        Launch launch;
        launch.tasks = {attentionTasks(spec, /*sequences=*/1)};
        launch.scratchBytes = attentionStepScratchBytes(target, spec);
        return launch;
      })
      .Case([&](AttentionGradOp op) {
        AttentionSpec spec = attentionSpecOf(op);
        Launch launch;
        launch.tasks = {attentionTasks(spec, rowsOf(op.getQ()) / spec.seqLen)};
        launch.scratchBytes = attentionGradScratchBytes(target, spec);
        return launch;
      })
      .Case([&](EmbeddingOp op) {
        int64_t rows = rowsOf(op.getResult());
        int64_t columns = columnsOf(op.getResult());
        Launch launch;
        launch.tasks = {embeddingTasks(rows, columns)};
        launch.sizes = {rows, columns};
        return launch;
      })
      .Case([&](EmbeddingGradOp op) {
        EmbeddingGradSpec spec = embeddingSpecOf(op);
        int64_t rows = rowsOf(op.getDy()), columns = columnsOf(op.getDy());
        int64_t vocabulary = rowsOf(op.getResult());
        Launch launch;
        launch.tasks = embeddingGradTasks(spec, rows, columns, vocabulary);
        launch.sizes = {rows, columns, vocabulary};
        return launch;
      })
      .Default([](Operation *) { return Launch(); });
}

int64_t CpuKernels::getBytes(RankedTensorType type) {
  int64_t elements = type.getNumElements();
  if (auto packed = dyn_cast_or_null<PackedAttr>(type.getEncoding())) {
    int64_t n = type.getDimSize(packed.getTransposed() ? 0 : 1);
    int64_t k = type.getDimSize(packed.getTransposed() ? 1 : 0);
    elements = packedElements(target, n, k,
                              type.getElementType().isBF16() ? Element::BF16
                                                             : Element::F32);
  } else if (isa_and_nonnull<PairedAttr>(type.getEncoding())) {
    elements = pairedElements(type.getDimSize(0), type.getDimSize(1));
  }
  return elements * type.getElementTypeBitWidth() / 8;
}

int64_t CpuKernels::getElementOffset(RankedTensorType type, int64_t row,
                                     int64_t column) {
  auto packed = dyn_cast_or_null<PackedAttr>(type.getEncoding());
  if (!packed)
    return (row / 2 * type.getDimSize(1) + column) * 2 + row % 2;
  bool transposed = packed.getTransposed();
  int64_t n = transposed ? row : column, k = transposed ? column : row;
  int64_t depth = type.getDimSize(transposed ? 1 : 0);
  int64_t perWord = type.getElementType().isBF16() ? 2 : 1;
  int64_t words = (depth + perWord - 1) / perWord;
  int64_t width = panelColumns(target);
  int64_t word = (n / width * words + k / perWord) * width + n % width;
  return word * perWord + k % perWord;
}

bool CpuKernels::canWriteInPlace(Operation *op, unsigned operand,
                                 unsigned result) {
  // All others read their operands again after the first result is written.
  if (auto row = dyn_cast<RowwiseOp>(op))
    return canRowWriteInPlace(row, operand, result);
  return false;
}

bool CpuKernels::canWriteLayout(Operation *op, unsigned result,
                                RankedTensorType type) {
  auto row = dyn_cast<RowwiseOp>(op);
  return row && canRowWriteLayout(row, result, type);
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

LogicalResult CpuKernels::emitKernel(Operation *op, StringRef symbol,
                                     ModuleOp module,
                                     SmallVectorImpl<std::string> &phases) {
  KernelBuilder builder(module, target);
  if (auto row = dyn_cast<RowwiseOp>(op))
    return emitRowKernel(row, symbol, builder, phases);
  if (auto grad = dyn_cast<EmbeddingGradOp>(op)) {
    emitEmbeddingGradKernel(builder, symbol, embeddingSpecOf(grad), phases);
    return success();
  }
  phases.push_back(symbol.str());
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](MatmulOp op) -> LogicalResult {
        if (isMatvec(op)) {
          if (std::string why = whyNoMatvec(op); !why.empty())
            return op.emitError(why);
          emitMatvecKernel(builder, symbol, matvecSpecOf(op));
          return success();
        }
        if (std::string why = whyNoKernel(op); !why.empty())
          return op.emitError(why);
        emitMatmulKernel(builder, symbol, specOf(op));
        return success();
      })
      .Case([&](PackOp op) {
        if (isPaired(op.getResult()))
          emitPairKernel(builder, symbol, pairSpecOf(op));
        else
          emitPackKernel(builder, symbol, specOf(op));
        return success();
      })
      .Case([&](AttentionOp op) {
        emitAttentionKernel(builder, symbol, attentionSpecOf(op));
        return success();
      })
      .Case([&](AttentionStepOp op) {
        emitAttentionStepKernel(builder, symbol, attentionSpecOf(op));
        return success();
      })
      .Case([&](AttentionGradOp op) {
        emitAttentionGradKernel(builder, symbol, attentionSpecOf(op));
        return success();
      })
      .Case([&](EmbeddingOp op) {
        emitEmbeddingKernel(builder, symbol, embeddingSpecOf(op));
        return success();
      })
      .Default([](Operation *op) {
        return op->emitError("has no kernel on a CPU");
      });
}
