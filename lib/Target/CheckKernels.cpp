//===- CheckKernels.cpp - Kernels against the interpreter -----------------===//

#include "mixln/Target/CheckKernels.h"

#include "mixln-rt/program.h"
#include "mixln/IR/Mixln.h"
#include "mixln/IR/TensorType.h"
#include "mixln/Interpreter/Interpreter.h"
#include "mixln/Target/CPU.h"
#include "mixln/Transforms/Plan/Storage.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <random>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

namespace {
/// Random operands that an operation can work on.
class Inputs {
public:
  Inputs(Operation *op, uint64_t seed, bool positive)
      : op(op), random(seed), positive(positive) {}

  LogicalResult make(SmallVectorImpl<Array> &arrays);

private:
  Array numbers(ArrayRef<int64_t> shape);
  Array indices(ArrayRef<int64_t> shape, int64_t limit, bool withIgnored);
  void order(Array &order, Array &starts, const Array &ids);

  Operation *op;
  std::mt19937_64 random;
  bool positive;
};
} // namespace

Array Inputs::numbers(ArrayRef<int64_t> shape) {
  Array array = Array::full(shape, 0.0);
  // Below one, so that what is subtracted from one (Adam's betas) keeps its
  // sign where everything shall be positive.
  std::uniform_real_distribution<float> size(0.1f, positive ? 0.9f : 1.5f);
  for (double &value : array.data) {
    value = size(random);
    if (!positive && (random() & 1))
      value = -value;
  }
  return array;
}

Array Inputs::indices(ArrayRef<int64_t> shape, int64_t limit,
                      bool withIgnored) {
  Array array = Array::full(shape, 0.0);
  for (double &value : array.data)
    value = withIgnored && random() % 8 == 0
                ? -100.0
                : static_cast<double>(random() % limit);
  return array;
}

/// Positions sorted by (token, position), and where each token's run begins.
void Inputs::order(Array &order, Array &starts, const Array &ids) {
  int64_t rows = ids.getNumElements();
  std::vector<int64_t> positions(rows);
  std::iota(positions.begin(), positions.end(), 0);
  llvm::sort(positions, [&](int64_t a, int64_t b) {
    return std::pair(ids.data[a], a) < std::pair(ids.data[b], b);
  });
  order = Array::full({rows}, 0.0);
  starts = Array::full({rows + 1}, static_cast<double>(rows));
  int64_t run = 0;
  for (int64_t i = 0; i < rows; ++i) {
    order.data[i] = static_cast<double>(positions[i]);
    if (i == 0 || ids.data[positions[i]] != ids.data[positions[i - 1]])
      starts.data[run++] = static_cast<double>(i);
  }
}

LogicalResult Inputs::make(SmallVectorImpl<Array> &arrays) {
  for (Value operand : op->getOperands()) {
    RankedTensorType type = typeOf(operand);
    if (!type.getElementType().isInteger(32)) {
      arrays.push_back(numbers(type.getShape()));
      if (type.getElementType().isBF16())
        for (double &value : arrays.back().data)
          value = roundToBF16(value);
      continue;
    }
    int64_t limit = 1;
    if (auto embedding = dyn_cast<EmbeddingOp>(op))
      limit = typeOf(embedding.getTable()).getDimSize(0);
    else if (auto grad = dyn_cast<EmbeddingGradOp>(op))
      limit = typeOf(grad.getResult()).getDimSize(0);
    else if (auto step = dyn_cast<AttentionStepOp>(op))
      limit = step.getSeqLen();
    else if (auto row = dyn_cast<RowwiseOp>(op))
      for (BlockArgument argument : row.getBodyBlock()->getArguments())
        if (auto vector = dyn_cast<VectorType>(argument.getType()))
          limit = std::max(limit, vector.getDimSize(0));
    arrays.push_back(indices(type.getShape(), limit, isa<RowwiseOp>(op)));
  }
  if (isa<EmbeddingGradOp>(op))
    order(arrays[2], arrays[3], arrays[1]);
  // The backward of attention reads what its forward made.
  if (auto grad = dyn_cast<AttentionGradOp>(op)) {
    OpBuilder builder(op->getContext());
    OperationState state(op->getLoc(), AttentionOp::getOperationName());
    state.addOperands(op->getOperands().take_front(5));
    state.addTypes({grad.getCtx().getType(), grad.getLse().getType()});
    state.addAttribute("heads", grad.getHeadsAttr());
    if (FloatAttr scale = grad.getScaleAttr())
      state.addAttribute("scale", scale);
    Operation *forward = Operation::create(state);
    SmallVector<Array> results;
    LogicalResult done = interpretOperation(
        forward, ArrayRef<Array>(arrays).take_front(5), results);
    forward->destroy();
    if (failed(done))
      return failure();
    arrays[5] = results[0];
    arrays[6] = results[1];
    if (typeOf(grad.getCtx()).getElementType().isBF16())
      for (double &value : arrays[5].data)
        value = roundToBF16(value);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Running a kernel
//===----------------------------------------------------------------------===//

namespace {
/// Memory of one operand or result as the kernel sees it.
struct Buffer {
  std::vector<char> storage;
  char *data = nullptr;

  explicit Buffer(int64_t bytes) : storage(bytes + 64) {
    auto address = reinterpret_cast<uintptr_t>(storage.data());
    data = storage.data() + (64 - address % 64) % 64;
  }
};
} // namespace

static void writeBuffer(Buffer &buffer, const Array &array, Type element) {
  if (element.isInteger(32)) {
    auto *out = reinterpret_cast<int32_t *>(buffer.data);
    for (double value : array.data)
      *out++ = static_cast<int32_t>(value);
    return;
  }
  if (element.isBF16()) {
    auto *out = reinterpret_cast<uint16_t *>(buffer.data);
    for (double value : array.data)
      *out++ = llvm::bit_cast<uint32_t>(static_cast<float>(value)) >> 16;
    return;
  }
  auto *out = reinterpret_cast<float *>(buffer.data);
  for (double value : array.data)
    *out++ = static_cast<float>(value);
}

static void readBuffer(const void *data, Type element, Array &array) {
  if (element.isBF16()) {
    auto *in = static_cast<const uint16_t *>(data);
    for (double &value : array.data)
      value = llvm::bit_cast<float>(static_cast<uint32_t>(*in++) << 16);
    return;
  }
  auto *in = static_cast<const float *>(data);
  for (double &value : array.data)
    value = *in++;
}

namespace {
using PhaseTable = std::map<std::string, std::vector<std::string>>;

class KernelCheck {
public:
  KernelCheck(Operation *op, CpuKernels &kernels, KernelJit &jit,
              const PhaseTable &phasesOfKey)
      : op(op), kernels(kernels), jit(jit), phasesOfKey(phasesOfKey) {}

  /// Worst relative error over the results; that of bf16 is scaled to
  /// `tolerance`.
  FailureOr<double> run(const CheckKernelsOptions &options);

private:
  LogicalResult launch(Operation *launched, ArrayRef<void *> pointers);
  Array layOut(const Array &array, RankedTensorType type);
  Array collect(Array laidOut, RankedTensorType type);
  LogicalResult runKernel(ArrayRef<Array> operands,
                          SmallVectorImpl<Array> &results);
  FailureOr<double> compare(ArrayRef<Array> operands, ArrayRef<Array> found,
                            const CheckKernelsOptions &options,
                            std::mt19937_64 &random);

  Operation *op;
  CpuKernels &kernels;
  KernelJit &jit;
  const PhaseTable &phasesOfKey;
  /// Whether the interpreter itself had a value for the last operands.
  bool isDefined = true;
};
} // namespace

/// Runs all phases of the kernel of `launched`, every task in order.
LogicalResult KernelCheck::launch(Operation *launched,
                                  ArrayRef<void *> pointers) {
  auto phases = phasesOfKey.find(kernels.getKey(launched));
  if (phases == phasesOfKey.end())
    return op->emitError() << "no kernel for " << launched->getName();
  Launch how = kernels.getLaunch(launched);
  SmallVector<void *> all(pointers);
  Buffer workspace(how.workspaceBytes), scratch(how.scratchBytes);
  if (how.workspaceBytes > 0)
    all.push_back(workspace.data);
  std::vector<float> values;
  if (auto row = dyn_cast<RowwiseOp>(launched))
    values.assign(row.getValues().begin(), row.getValues().end());
  for (auto [phase, tasks] : llvm::zip_equal(phases->second, how.tasks)) {
    auto address = jit.lookup(phase);
    if (!address)
      return op->emitError(llvm::toString(address.takeError()));
    auto function = reinterpret_cast<rt::KernelFunction>(*address);
    for (int64_t task = 0; task < tasks; ++task)
      function(all.data(), how.sizes.data(), values.data(), task, tasks,
               scratch.data);
  }
  return success();
}

/// The elements of `array` where `type` has them in memory, zeros elsewhere.
Array KernelCheck::layOut(const Array &array, RankedTensorType type) {
  Array out = Array::full(
      {kernels.getBytes(type) * 8 / type.getElementTypeBitWidth()}, 0.0);
  int64_t columns = type.getDimSize(1);
  for (int64_t i = 0; i < array.getNumElements(); ++i)
    out.data[kernels.getElementOffset(type, i / columns, i % columns)] =
        array.data[i];
  return out;
}

/// The inverse; what does not belong to an element must be zero.
Array KernelCheck::collect(Array laidOut, RankedTensorType type) {
  Array array = Array::full(type.getShape(), 0.0);
  int64_t columns = type.getDimSize(1);
  for (int64_t i = 0; i < array.getNumElements(); ++i)
    std::swap(
        array.data[i],
        laidOut.data[kernels.getElementOffset(type, i / columns, i % columns)]);
  if (!llvm::all_of(laidOut.data, [](double x) { return x == 0; }))
    array.data.front() = std::numeric_limits<double>::quiet_NaN();
  return array;
}

LogicalResult KernelCheck::runKernel(ArrayRef<Array> operands,
                                     SmallVectorImpl<Array> &results) {
  std::deque<Buffer> buffers;
  SmallVector<void *> pointers;
  for (auto [operand, array] : llvm::zip_equal(op->getOperands(), operands)) {
    RankedTensorType type = typeOf(operand);
    Buffer &buffer = buffers.emplace_back(kernels.getBytes(type));
    writeBuffer(buffer, type.getEncoding() ? layOut(array, type) : array,
                type.getElementType());
    pointers.push_back(buffer.data);
  }
  for (OpResult result : op->getResults()) {
    // A kernel that adds does so in place. What another forgets to write must
    // not look like a number: all ones are a NaN.
    int tied = getTiedOperand(op, result.getResultNumber());
    if (tied >= 0) {
      pointers.push_back(pointers[tied]);
      continue;
    }
    Buffer &buffer = buffers.emplace_back(kernels.getBytes(typeOf(result)));
    llvm::fill(buffer.storage, '\xff');
    pointers.push_back(buffer.data);
  }
  if (failed(launch(op, pointers)))
    return failure();
  for (OpResult result : op->getResults()) {
    RankedTensorType type = typeOf(result);
    Array array = type.getEncoding()
                      ? layOut(Array::full(type.getShape(), 0.0), type)
                      : Array::full(type.getShape(), 0.0);
    readBuffer(pointers[op->getNumOperands() + result.getResultNumber()],
               type.getElementType(), array);
    if (type.getEncoding())
      array = collect(std::move(array), type);
    results.push_back(std::move(array));
  }
  return success();
}

static Array takeRows(const Array &array, ArrayRef<int64_t> rows) {
  SmallVector<int64_t> shape(array.shape);
  int64_t stride = array.getNumElements() / shape.front();
  shape.front() = static_cast<int64_t>(rows.size());
  Array taken = Array::full(shape, 0.0);
  for (auto [i, row] : llvm::enumerate(rows))
    std::copy_n(array.data.begin() + row * stride, stride,
                taken.data.begin() + static_cast<int64_t>(i) * stride);
  return taken;
}

/// Sums need every row; everything else is compared on sampled rows.
static bool needsAllRows(Operation *op) {
  if (auto row = dyn_cast<RowwiseOp>(op))
    return !row.getSumResults().empty();
  return !isa<MatmulOp, EmbeddingOp, AttentionOp>(op);
}

/// Attention on bf16 rounds rotated q and k, its probabilities and their
/// gradients too: all of its results have such errors.
static bool isNarrow(OpResult result) {
  Operation *op = result.getOwner();
  if (isa<AttentionOp, AttentionGradOp, AttentionStepOp>(op))
    return typeOf(op->getOperand(0)).getElementType().isBF16();
  return typeOf(result).getElementType().isBF16();
}

FailureOr<double> KernelCheck::compare(ArrayRef<Array> operands,
                                       ArrayRef<Array> found,
                                       const CheckKernelsOptions &options,
                                       std::mt19937_64 &random) {
  SmallVector<Array> expected;
  SmallVector<int64_t> rows;
  bool sampled = !needsAllRows(op);
  if (sampled) {
    int64_t extent = typeOf(op->getResult(0)).getDimSize(0);
    if (auto row = dyn_cast<RowwiseOp>(op))
      extent = row.getDomain().front();
    // The last row is in the tail of the tiles: always look at it.
    rows.push_back(extent - 1);
    while (static_cast<int64_t>(rows.size()) <
           std::min(options.sampledRows, extent)) {
      int64_t row = static_cast<int64_t>(random() % extent);
      if (!llvm::is_contained(rows, row))
        rows.push_back(row);
    }
    if (failed(interpretRows(op, operands, rows, expected)))
      return failure();
  } else if (failed(interpretOperation(op, operands, expected))) {
    return failure();
  }
  isDefined = llvm::none_of(expected, [](const Array &array) {
    return llvm::any_of(array.data, [](double x) { return std::isnan(x); });
  });
  double worst = 0;
  for (auto [mine, reference, result] :
       llvm::zip_equal(found, expected, op->getResults())) {
    double error =
        relativeError(sampled ? takeRows(mine, rows) : mine, reference);
    if (isNarrow(result))
      error *= options.tolerance / options.bf16Tolerance;
    worst = std::isnan(error) ? error : std::max(worst, error);
    if (std::isnan(worst))
      break;
  }
  return worst;
}

FailureOr<double> KernelCheck::run(const CheckKernelsOptions &options) {
  std::mt19937_64 random(options.seed);
  // A program that takes roots of its operands (Adam's moments) has no value
  // for negative ones: it is tried again with positive numbers.
  for (bool positive : {false, true}) {
    SmallVector<Array> operands, results;
    if (failed(Inputs(op, options.seed, positive).make(operands)) ||
        failed(runKernel(operands, results)))
      return failure();
    FailureOr<double> error = compare(operands, results, options, random);
    // A NaN of the kernel alone is an error like any other.
    if (failed(error) || isDefined || positive)
      return error;
  }
  llvm_unreachable("the second round returns");
}

LogicalResult mixln::checkKernels(ModuleOp module, CpuKernels &kernels,
                                  llvm::raw_ostream &out,
                                  const CheckKernelsOptions &options) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
  PhaseTable phases;
  for (KernelOp kernel : module.getOps<KernelOp>()) {
    SmallVector<std::string> symbols;
    if (failed(kernels.emitKernel(kernel.getPrototype(), kernel.getSymName(),
                                  *code, symbols)))
      return failure();
    phases[kernels.getKey(kernel.getPrototype())].assign(symbols.begin(),
                                                         symbols.end());
  }
  auto object = compileKernels(*code, kernels.getTarget());
  if (!object)
    return module.emitError(llvm::toString(object.takeError()));
  auto jit = KernelJit::create(*object);
  if (!jit)
    return module.emitError(llvm::toString(jit.takeError()));

  int64_t passed = 0, wrong = 0;
  for (KernelOp kernel : module.getOps<KernelOp>()) {
    KernelCheck check(kernel.getPrototype(), kernels, **jit, phases);
    FailureOr<double> error = check.run(options);
    if (failed(error))
      return failure();
    // Written so that NaN fails.
    bool good = *error <= options.tolerance;
    out << llvm::formatv("{0,-72} error {1:e2} {2}\n", kernel.getSymName(),
                         *error, good ? "ok" : "WRONG");
    ++(good ? passed : wrong);
    if (!good)
      kernel.emitError() << "differs from the interpreter by " << *error
                         << ", expected at most " << options.tolerance;
  }
  out << passed << " kernels agree with the interpreter, " << wrong
      << " differ\n";
  return success(wrong == 0);
}
