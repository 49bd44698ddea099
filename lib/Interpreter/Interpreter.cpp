//===- Interpreter.cpp - Executes entries ---------------------------------===//

#include "mixln/Interpreter/Interpreter.h"
#include "Arena.h"
#include "mixln/IR/Mixln.h"

using namespace mlir;
using namespace mixln;

static RankedTensorType typeOf(VariableOp variable) {
  return cast<RankedTensorType>(variable.getType());
}

static std::string describeShape(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, extent] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// The arena is held whole, several bytes for each of its own.
static constexpr int64_t kMaxArenaBytes = int64_t(1) << 34;

/// An error unless a value of `type` can stand at `offset` of an arena.
static LogicalResult checkPlace(Operation *op, int64_t offset, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  int64_t bytes = tensor.getElementTypeBitWidth() / 8;
  if (offset < 0 || offset % bytes != 0)
    return op->emitError() << "offset " << offset << " is not a multiple of "
                           << bytes;
  if (tensor.getNumElements() > kMaxArenaBytes / bytes ||
      offset > kMaxArenaBytes - Arena::getBytes(tensor))
    return op->emitError() << "offset " << offset << " of " << type
                           << " reaches beyond the " << kMaxArenaBytes
                           << " bytes that the interpreter holds";
  return success();
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

Interpreter::Interpreter(ModuleOp module)
    : module(module), symbols(module), arena(std::make_unique<Arena>()) {
  for (auto variable : module.getOps<VariableOp>())
    variables[variable.getSymName()] =
        Array::undefined(typeOf(variable).getShape());
}

Interpreter::~Interpreter() = default;

bool Interpreter::hasVariable(StringRef name) const {
  return variables.contains(name);
}

int64_t Interpreter::getOffset(StringRef name) const {
  auto offset = symbols.lookup(name)->getAttrOfType<IntegerAttr>("offset");
  return offset ? offset.getInt() : -1;
}

LogicalResult Interpreter::setVariable(StringRef name, Array value) {
  auto variable = symbols.lookup<VariableOp>(name);
  if (!variable)
    return module.emitError() << "has no variable @" << name;
  ArrayRef<int64_t> shape = typeOf(variable).getShape();
  if (ArrayRef<int64_t>(value.shape) != shape ||
      value.getNumElements() != countElements(shape))
    return variable.emitError()
           << "variable has shape " << describeShape(shape)
           << " but is given one of shape " << describeShape(value.shape);
  if (typeOf(variable).getElementType().isBF16())
    for (double &element : value.data)
      element = roundToBF16(element);
  if (int64_t offset = getOffset(name); offset >= 0) {
    if (failed(checkPlace(variable, offset, typeOf(variable))))
      return failure();
    arena->write(offset, typeOf(variable), value);
  }
  variables[name] = std::move(value);
  written.insert(name);
  return success();
}

bool Interpreter::isWritten(StringRef name) const {
  int64_t offset = getOffset(name), unwritten = -1;
  if (offset < 0)
    return written.contains(name);
  arena->read(offset, typeOf(symbols.lookup<VariableOp>(name)), unwritten);
  return unwritten < 0;
}

const Array &Interpreter::getVariable(StringRef name) {
  Array &value = variables.find(name)->second;
  if (int64_t offset = getOffset(name), unwritten; offset >= 0)
    value = arena->read(offset, typeOf(symbols.lookup<VariableOp>(name)),
                        unwritten);
  return value;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

bool Interpreter::hasEntry(StringRef name) const {
  return symbols.lookup<EntryOp>(name) != nullptr;
}

LogicalResult Interpreter::run(StringRef name) {
  auto entry = symbols.lookup<EntryOp>(name);
  if (!entry)
    return module.emitError() << "has no entry @" << name;
  // Only variables outlive a call.
  SmallVector<std::pair<int64_t, int64_t>> kept;
  for (auto variable : module.getOps<VariableOp>())
    if (int64_t offset = getOffset(variable.getSymName()); offset >= 0)
      kept.push_back({offset, offset + Arena::getBytes(typeOf(variable))});
  llvm::sort(kept);
  int64_t end = 0;
  for (auto [begin, next] : kept) {
    arena->forget(end, begin);
    end = std::max(end, next);
  }
  arena->forget(end, arena->getSize());

  LogicalResult result = success();
  for (Operation &op : entry.getBody().front()) {
    if (failed(result = runOperation(op)))
      break;
    // A value dies with its last use: entries of real models do not fit whole.
    for (Value value : llvm::concat<Value>(op.getOperands(), op.getResults()))
      if (llvm::none_of(value.getUsers(), [&](Operation *user) {
            return op.isBeforeInBlock(user);
          }))
        values.erase(value);
  }
  values.clear();
  return result;
}

LogicalResult Interpreter::runOperation(Operation &op) {
  if (auto load = dyn_cast<LoadOp>(op)) {
    values[load.getResult()] = getVariable(load.getVariable());
    return success();
  }
  if (auto store = dyn_cast<StoreOp>(op))
    return setVariable(store.getVariable(), values[store.getValue()]);
  if (isa<DispatchOp>(op))
    return runDispatch(op);

  SmallVector<const Array *> operands;
  for (Value operand : op.getOperands())
    operands.push_back(&values.find(operand)->second);
  SmallVector<Array> results;
  Execution execution;
  execution.tape = tape;
  if (failed(interpretOperation(&op, operands, results, execution)))
    return failure();
  for (auto [value, result] : llvm::zip_equal(op.getResults(), results))
    values[value] = std::move(result);
  return success();
}

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

namespace {
struct ByteRange {
  int64_t begin, end;
  bool overlaps(const ByteRange &other) const {
    return begin < other.end && other.begin < end;
  }
};
} // namespace

/// The range that only this launch uses; empty if there is none.
static ByteRange workspaceOf(DispatchOp op) {
  auto workspace = op->getAttrOfType<DenseI64ArrayAttr>("workspace");
  if (!workspace || workspace.size() != 2)
    return {0, 0};
  return {workspace[0], workspace[0] + workspace[1]};
}

/// A write may take the place of one read, whole; it may touch nothing else.
static LogicalResult checkWrites(DispatchOp op, ArrayRef<ByteRange> reads,
                                 ArrayRef<ByteRange> writes) {
  ByteRange workspace = workspaceOf(op);
  for (const ByteRange &range : llvm::concat<const ByteRange>(reads, writes))
    if (workspace.begin < workspace.end && range.overlaps(workspace))
      return op.emitError()
             << "workspace [" << workspace.begin << ", " << workspace.end
             << ") overlaps bytes [" << range.begin << ", " << range.end << ")";
  for (auto [i, write] : llvm::enumerate(writes)) {
    for (auto [j, other] : llvm::enumerate(writes.take_front(i)))
      if (write.overlaps(other))
        return op.emitError()
               << "writes " << j << " and " << i << " overlap: bytes ["
               << other.begin << ", " << other.end << ") and [" << write.begin
               << ", " << write.end << ")";
    for (auto [j, read] : llvm::enumerate(reads))
      if (write.overlaps(read) &&
          (write.begin != read.begin || write.end != read.end))
        return op.emitError()
               << "write " << i << " overlaps a part of read " << j
               << ": bytes [" << write.begin << ", " << write.end << ") and ["
               << read.begin << ", " << read.end << ")";
  }
  return success();
}

static SmallVector<ByteRange> rangesOf(ArrayRef<int64_t> offsets,
                                       ArrayRef<Type> types) {
  SmallVector<ByteRange> ranges;
  for (auto [offset, type] : llvm::zip_equal(offsets, types))
    ranges.push_back(
        {offset, offset + Arena::getBytes(cast<RankedTensorType>(type))});
  return ranges;
}

LogicalResult Interpreter::runDispatch(Operation &operation) {
  auto op = cast<DispatchOp>(operation);
  Operation *prototype =
      symbols.lookup<KernelOp>(op.getKernel()).getPrototype();
  auto typesOf = [](ArrayAttr types) {
    return llvm::map_to_vector(types.getAsValueRange<TypeAttr>(),
                               [](Type type) { return type; });
  };
  SmallVector<Type> readTypes = typesOf(op.getReadTypes());
  SmallVector<Type> writeTypes = typesOf(op.getWriteTypes());
  for (auto [offset, type] : llvm::zip_equal(op.getReads(), readTypes))
    if (failed(checkPlace(op, offset, type)))
      return failure();
  for (auto [offset, type] : llvm::zip_equal(op.getWrites(), writeTypes))
    if (failed(checkPlace(op, offset, type)))
      return failure();
  if (failed(checkWrites(op, rangesOf(op.getReads(), readTypes),
                         rangesOf(op.getWrites(), writeTypes))))
    return failure();

  SmallVector<Array> operands, results;
  for (auto [i, offset, type] : llvm::enumerate(op.getReads(), readTypes)) {
    int64_t unwritten;
    operands.push_back(
        arena->read(offset, cast<RankedTensorType>(type), unwritten));
    if (unwritten >= 0)
      return op.emitError()
             << "read " << i << " of @" << op.getKernel() << " finds byte "
             << unwritten << " that nothing has written";
  }
  // Nothing is taken from the prototype's own domain and values.
  Execution execution;
  execution.domain = op.getDomain();
  execution.values = op.getValues();
  execution.operandTypes = readTypes;
  execution.resultTypes = writeTypes;
  execution.tape = tape;
  if (failed(interpretOperation(prototype, operands, results, execution))) {
    op.emitRemark("dispatched here");
    return failure();
  }
  // What stood in the workspace is gone.
  ByteRange workspace = workspaceOf(op);
  arena->forget(workspace.begin, workspace.end);
  for (auto [i, offset] : llvm::enumerate(op.getWrites())) {
    auto type = cast<RankedTensorType>(writeTypes[i]);
    if (ArrayRef<int64_t>(results[i].shape) != type.getShape())
      return op.emitError()
             << "write " << i << " has shape " << describeShape(type.getShape())
             << " but the kernel yields " << describeShape(results[i].shape);
    arena->write(offset, type, results[i]);
  }
  return success();
}
