//===- VerifyPlan.cpp - Simulates the memory of a plan --------------------===//

#include "mixln/Transforms/Plan/VerifyPlan.h"

#include "mixln/Analysis/Lifetimes.h"
#include "mixln/IR/Mixln.h"
#include "mixln/Transforms/Plan/PlanMemory.h"
#include "mixln/Transforms/Plan/Storage.h"

#include "mixln-rt/program.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

void ByteMap::append(SmallVectorImpl<Piece> &list, Piece piece) {
  if (!list.empty()) {
    Piece &last = list.back();
    bool continues = last.id == piece.id &&
                     (piece.id < 0 || last.offset + last.size == piece.offset);
    if (continues) {
      last.size += piece.size;
      return;
    }
  }
  list.push_back(piece);
}

void ByteMap::write(int64_t start, int64_t bytes, int64_t id, int64_t offset) {
  int64_t end = start + bytes;
  auto it = pieces.lower_bound(start);
  if (it != pieces.begin()) {
    auto previous = std::prev(it);
    int64_t previousEnd = previous->first + previous->second.size;
    if (previousEnd > start) {
      Piece old = previous->second;
      previous->second.size = start - previous->first;
      if (previousEnd > end)
        pieces[end] = {old.id, old.offset + end - previous->first,
                       previousEnd - end};
    }
  }
  while (it != pieces.end() && it->first < end) {
    int64_t oldEnd = it->first + it->second.size;
    if (oldEnd > end)
      pieces[end] = {it->second.id, it->second.offset + end - it->first,
                     oldEnd - end};
    it = pieces.erase(it);
  }
  pieces[start] = {id, offset, bytes};
}

SmallVector<ByteMap::Piece> ByteMap::read(int64_t start, int64_t bytes) const {
  SmallVector<Piece> list;
  int64_t position = start, end = start + bytes;
  auto it = pieces.upper_bound(start);
  if (it != pieces.begin())
    --it;
  for (; it != pieces.end() && it->first < end; ++it) {
    int64_t from = std::max(it->first, position);
    int64_t to = std::min(it->first + it->second.size, end);
    if (to <= from)
      continue;
    if (from > position)
      append(list, {-1, 0, from - position});
    append(list,
           {it->second.id, it->second.offset + from - it->first, to - from});
    position = to;
  }
  if (position < end)
    append(list, {-1, 0, end - position});
  return list;
}

//===----------------------------------------------------------------------===//
// Shared checks
//===----------------------------------------------------------------------===//

namespace {
struct Bytes {
  int64_t start;
  int64_t bytes;
  bool overlaps(Bytes other) const {
    return start < other.start + other.bytes && other.start < start + bytes;
  }
  bool operator==(const Bytes &) const = default;
};

/// The layout of variables, and what all entries start from.
class Arena {
public:
  static FailureOr<Arena> get(ModuleOp module, KernelGenerator &kernels);

  Bytes rangeOf(VariableOp variable) const { return ranges.lookup(variable); }
  int64_t idOf(VariableOp variable) const { return ids.lookup(variable); }
  bool isPersistent(VariableOp variable) const {
    return rangeOf(variable).start < shared;
  }
  /// Every variable holds its own value; of those in the shared bytes only
  /// caches and the ones that `entry` loads.
  ByteMap getInitial(EntryOp entry) const;
  LogicalResult contains(Operation *op, StringRef what, Bytes range) const;
  /// The first number that names no variable.
  int64_t getNumVariables() const { return order.size(); }

private:
  SmallVector<VariableOp> order;
  llvm::DenseMap<Operation *, Bytes> ranges;
  llvm::DenseMap<Operation *, int64_t> ids;
  int64_t size = 0, shared = 0;
};
} // namespace

FailureOr<Arena> Arena::get(ModuleOp module, KernelGenerator &kernels) {
  Arena arena;
  for (auto [key, number] : {std::pair("mixln.arena_bytes", &arena.size),
                             std::pair("mixln.shared_offset", &arena.shared)}) {
    auto attr = module->getAttrOfType<IntegerAttr>(key);
    if (!attr)
      return module.emitError()
             << "has no plan: attribute " << key << " is missing";
    *number = attr.getInt();
  }
  ByteMap taken;
  for (auto variable : module.getOps<VariableOp>()) {
    auto offset = variable->getAttrOfType<IntegerAttr>("offset");
    if (!offset)
      return variable.emitOpError("has no offset");
    Bytes range{offset.getInt(),
                kernels.getBytes(cast<RankedTensorType>(variable.getType()))};
    if (range.start % rt::kArenaAlignment != 0)
      return variable.emitOpError()
             << "has offset " << range.start << ", expected a multiple of "
             << rt::kArenaAlignment;
    if (failed(arena.contains(variable, "variable", range)))
      return failure();
    for (ByteMap::Piece piece : taken.read(range.start, range.bytes))
      if (piece.id >= 0)
        return variable.emitOpError()
               << "overlaps variable @" << arena.order[piece.id].getSymName();
    arena.ids[variable] = arena.order.size();
    arena.ranges[variable] = range;
    taken.write(range.start, range.bytes, arena.order.size());
    arena.order.push_back(variable);
  }
  return arena;
}

LogicalResult Arena::contains(Operation *op, StringRef what,
                              Bytes range) const {
  if (range.start >= 0 && range.start + range.bytes <= size)
    return success();
  return op->emitOpError() << what << " lies at bytes " << range.start << " to "
                           << range.start + range.bytes << " of an arena of "
                           << size;
}

ByteMap Arena::getInitial(EntryOp entry) const {
  llvm::SmallPtrSet<Operation *, 4> loaded;
  auto module = entry->getParentOfType<ModuleOp>();
  for (auto load : entry.getBody().front().getOps<LoadOp>())
    loaded.insert(module.lookupSymbol(load.getVariableAttr().getAttr()));
  ByteMap memory;
  for (VariableOp variable : order)
    if (isPersistent(variable) || variable.getRole() == Role::Cache ||
        loaded.contains(variable))
      memory.write(rangeOf(variable).start, rangeOf(variable).bytes,
                   idOf(variable));
  return memory;
}

//===----------------------------------------------------------------------===//
// Planned operations
//===----------------------------------------------------------------------===//

namespace {
/// Runs one planned entry on bytes that know their value.
class Simulation {
public:
  Simulation(EntryOp entry, const Arena &arena, KernelGenerator &kernels)
      : entry(entry), module(entry->getParentOfType<ModuleOp>()), arena(arena),
        kernels(kernels), memory(arena.getInitial(entry)),
        nextId(arena.getNumVariables()) {}

  LogicalResult run();

private:
  using Pieces = SmallVector<ByteMap::Piece>;
  LogicalResult visit(Operation *op);
  LogicalResult visitKernel(Operation *op);
  Pieces slice(const Pieces &whole, int64_t start, int64_t bytes);
  int64_t bytesOf(Value value) {
    return kernels.getBytes(cast<RankedTensorType>(value.getType()));
  }

  EntryOp entry;
  ModuleOp module;
  const Arena &arena;
  KernelGenerator &kernels;
  ByteMap memory;
  llvm::DenseMap<Value, Pieces> contents; ///< what each value must hold
  llvm::DenseMap<Operation *, Pieces> stored;
  int64_t nextId;
};
} // namespace

Simulation::Pieces Simulation::slice(const Pieces &whole, int64_t start,
                                     int64_t bytes) {
  ByteMap map;
  int64_t position = 0;
  for (ByteMap::Piece piece : whole) {
    map.write(position, piece.size, piece.id, piece.offset);
    position += piece.size;
  }
  return map.read(start, bytes);
}

LogicalResult Simulation::visitKernel(Operation *op) {
  auto reads = op->getAttrOfType<DenseI64ArrayAttr>("mixln.reads");
  auto writes = op->getAttrOfType<DenseI64ArrayAttr>("mixln.writes");
  if (!reads || !writes || reads.size() != op->getNumOperands() ||
      writes.size() != op->getNumResults())
    return op->emitOpError("has no offsets for all operands and results");

  SmallVector<Bytes> ranges;
  for (auto [value, offset] :
       llvm::zip(op->getOperands(), reads.asArrayRef())) {
    Bytes range{offset, bytesOf(value)};
    ranges.push_back(range);
    if (failed(arena.contains(op, "an operand", range)))
      return failure();
    if (memory.read(range.start, range.bytes) != contents[value])
      return op->emitOpError()
             << "operand " << ranges.size() - 1 << " is not at offset "
             << offset << " any more, or not yet";
  }

  SmallVector<Bytes> written;
  if (auto workspace = op->getAttrOfType<DenseI64ArrayAttr>("mixln.workspace"))
    written.push_back({workspace[0], workspace[1]});
  for (Bytes range : written)
    for (Bytes operand : ranges)
      if (range.overlaps(operand))
        return op->emitOpError("has a workspace over an operand");
  for (auto [i, offset] : llvm::enumerate(writes.asArrayRef())) {
    Bytes range{offset, bytesOf(op->getResult(i))};
    int tied = getTiedOperand(op, i);
    if (tied >= 0 && ranges[tied] != range &&
        (mustAddInPlace(op, kernels) || ranges[tied].overlaps(range)))
      return op->emitOpError() << "result " << i << " is not over operand "
                               << tied << " that it adds to";
    for (auto [j, operand] : llvm::enumerate(ranges))
      if (range.overlaps(operand) && static_cast<int>(j) != tied &&
          (range != operand || !kernels.canWriteInPlace(op, j, i)))
        return op->emitOpError()
               << "result " << i << " overwrites operand " << j;
    for (Bytes other : written)
      if (range.overlaps(other))
        return op->emitOpError()
               << "result " << i << " overlaps another result or the workspace";
    written.push_back(range);
  }
  for (Bytes range : written) {
    if (failed(arena.contains(op, "a result or workspace", range)))
      return failure();
    memory.write(range.start, range.bytes, -1);
  }
  for (auto [result, offset] :
       llvm::zip(op->getResults(), writes.asArrayRef())) {
    memory.write(offset, bytesOf(result), nextId);
    contents[result] = {{nextId++, 0, bytesOf(result)}};
  }
  return success();
}

LogicalResult Simulation::visit(Operation *op) {
  if (isKernel(op))
    return visitKernel(op);
  if (auto load = dyn_cast<LoadOp>(op)) {
    auto variable =
        module.lookupSymbol<VariableOp>(load.getVariableAttr().getAttr());
    contents[load.getResult()] = {
        {arena.idOf(variable), 0, arena.rangeOf(variable).bytes}};
    return success();
  }
  if (auto store = dyn_cast<StoreOp>(op)) {
    stored[module.lookupSymbol(store.getVariableAttr().getAttr())] =
        contents[store.getValue()];
    return success();
  }
  if (auto sliceOp = dyn_cast<tensor::ExtractSliceOp>(op)) {
    int64_t rowBytes =
        bytesOf(sliceOp.getSource()) / sliceOp.getSourceType().getDimSize(0);
    contents[sliceOp.getResult()] = slice(contents[sliceOp.getSource()],
                                          sliceOp.getStaticOffset(0) * rowBytes,
                                          bytesOf(sliceOp.getResult()));
    return success();
  }
  Pieces pieces;
  for (Value operand : op->getOperands())
    for (ByteMap::Piece piece : contents[operand])
      ByteMap::append(pieces, piece);
  contents[op->getResult(0)] = std::move(pieces);
  return success();
}

LogicalResult Simulation::run() {
  for (Operation &op : entry.getBody().front())
    if (failed(visit(&op)))
      return failure();
  for (auto variable : module.getOps<VariableOp>()) {
    Bytes range = arena.rangeOf(variable);
    auto it = stored.find(variable);
    if (it == stored.end()) {
      if (!arena.isPersistent(variable))
        continue;
      Pieces intact = {{arena.idOf(variable), 0, range.bytes}};
      if (memory.read(range.start, range.bytes) != intact)
        return entry.emitOpError()
               << "overwrites variable @" << variable.getSymName();
    } else if (memory.read(range.start, range.bytes) != it->second) {
      return entry.emitOpError()
             << "does not leave the stored value in @" << variable.getSymName();
    }
  }
  return success();
}

LogicalResult mixln::verifyPlacement(ModuleOp module,
                                     KernelGenerator &kernels) {
  FailureOr<Arena> arena = Arena::get(module, kernels);
  if (failed(arena))
    return failure();
  for (auto entry : module.getOps<EntryOp>())
    if (failed(Simulation(entry, *arena, kernels).run()))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// Dispatches
//===----------------------------------------------------------------------===//

/// Whether the pieces of an operand are whole values: one range of one value,
/// or a value after another, each begun at its start and read to its end.
static bool areWholeValues(ArrayRef<ByteMap::Piece> pieces,
                           const llvm::DenseMap<int64_t, int64_t> &sizes) {
  for (auto [i, piece] : llvm::enumerate(pieces)) {
    if (piece.id < 0)
      return false;
    bool isFirst = i == 0, isLast = i + 1 == pieces.size();
    if (!isFirst && piece.offset != 0)
      return false;
    if (!isLast && piece.offset + piece.size != sizes.lookup(piece.id))
      return false;
  }
  return true;
}

static LogicalResult verifyDispatch(DispatchOp op, const Arena &arena,
                                    KernelGenerator &kernels, ByteMap &memory,
                                    llvm::DenseMap<int64_t, int64_t> &sizes,
                                    int64_t &nextId) {
  auto rangesOf = [&](ArrayRef<int64_t> offsets, ArrayAttr types) {
    SmallVector<Bytes> ranges;
    for (auto [offset, type] : llvm::zip(offsets, types.getAsRange<TypeAttr>()))
      ranges.push_back(
          {offset, kernels.getBytes(cast<RankedTensorType>(type.getValue()))});
    return ranges;
  };
  SmallVector<Bytes> reads = rangesOf(op.getReads(), op.getReadTypes());
  SmallVector<Bytes> writes = rangesOf(op.getWrites(), op.getWriteTypes());
  for (auto [i, range] : llvm::enumerate(reads)) {
    if (failed(arena.contains(op, "a read", range)))
      return failure();
    if (!areWholeValues(memory.read(range.start, range.bytes), sizes))
      return op.emitOpError() << "read " << i << " at offset " << range.start
                              << " finds bytes that nothing wrote, or parts "
                                 "of several values";
  }
  SmallVector<Bytes> all = writes;
  if (std::optional<ArrayRef<int64_t>> workspace = op.getWorkspace()) {
    all.push_back({(*workspace)[0], (*workspace)[1]});
    for (Bytes read : reads)
      if (read.overlaps(all.back()))
        return op.emitOpError("has a workspace over a read");
  }
  for (auto [i, range] : llvm::enumerate(all)) {
    if (failed(arena.contains(op, "a write", range)))
      return failure();
    for (Bytes other : ArrayRef(all).drop_front(i + 1))
      if (range.overlaps(other))
        return op.emitOpError("has writes that overlap");
    memory.write(range.start, range.bytes, -1);
  }
  for (Bytes range : writes)
    for (Bytes read : reads)
      if (range.overlaps(read) && range != read)
        return op.emitOpError("writes over a part of what it reads");
  for (Bytes range : writes) {
    sizes[nextId] = range.bytes;
    memory.write(range.start, range.bytes, nextId++);
  }
  return success();
}

LogicalResult mixln::verifyPlan(ModuleOp module, KernelGenerator &kernels) {
  FailureOr<Arena> arena = Arena::get(module, kernels);
  if (failed(arena))
    return failure();
  for (auto entry : module.getOps<EntryOp>()) {
    ByteMap memory = arena->getInitial(entry);
    llvm::DenseMap<int64_t, int64_t> sizes;
    for (auto variable : module.getOps<VariableOp>())
      sizes[arena->idOf(variable)] = arena->rangeOf(variable).bytes;
    int64_t nextId = arena->getNumVariables();
    for (Operation &op : entry.getBody().front()) {
      auto dispatch = dyn_cast<DispatchOp>(op);
      if (!dispatch)
        return op.emitOpError("is not a dispatch; a planned entry has nothing "
                              "else");
      if (failed(
              verifyDispatch(dispatch, *arena, kernels, memory, sizes, nextId)))
        return failure();
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// Makes `operation`, a kernel's prototype, the operation that `op` launches.
static void specialize(Operation *operation, DispatchOp op) {
  for (auto [operand, type] :
       llvm::zip(operation->getOperands(),
                 op.getReadTypes().getAsValueRange<TypeAttr>()))
    operand.setType(type);
  for (auto [result, type] :
       llvm::zip(operation->getResults(),
                 op.getWriteTypes().getAsValueRange<TypeAttr>()))
    result.setType(type);
  if (auto rowwise = dyn_cast<RowwiseOp>(operation)) {
    rowwise.setDomain(op.getDomain());
    rowwise.setValues(op.getValues());
  }
}

static LogicalResult verifyLaunch(DispatchOp op, KernelGenerator &kernels,
                                  int64_t scratchBytes) {
  auto module = op->getParentOfType<ModuleOp>();
  auto kernel = module.lookupSymbol<KernelOp>(op.getKernel());
  OwningOpRef<KernelOp> copy = kernel.clone();
  Operation *operation = copy->getPrototype();
  operation->setLoc(op.getLoc());
  specialize(operation, op);
  if (failed(verify(operation)))
    return failure();
  if (kernels.getKey(operation) != kernels.getKey(kernel.getPrototype())) {
    InFlightDiagnostic diag = op.emitOpError("needs another kernel");
    diag.attachNote(kernel.getLoc()) << "the kernel is for other extents";
    return diag;
  }
  Launch launch = kernels.getLaunch(operation);
  for (auto [what, found, expected] :
       {std::tuple("tasks", op.getTasks(), ArrayRef<int64_t>(launch.tasks)),
        std::tuple("sizes", op.getSizes(), ArrayRef<int64_t>(launch.sizes))})
    if (found.value_or(ArrayRef<int64_t>()) != expected) {
      InFlightDiagnostic diag = op.emitOpError()
                                << "has other " << what << " than its kernel: ";
      llvm::interleaveComma(expected, diag);
      return diag;
    }
  std::optional<ArrayRef<int64_t>> workspace = op.getWorkspace();
  int64_t bytes = workspace ? (*workspace)[1] : 0;
  if (bytes != launch.workspaceBytes)
    return op.emitOpError()
           << "has a workspace of " << bytes << " bytes, its kernel takes "
           << launch.workspaceBytes;
  if (launch.scratchBytes > scratchBytes)
    return op.emitOpError() << "needs " << launch.scratchBytes
                            << " bytes of scratch a worker, "
                               "mixln.scratch_bytes is "
                            << scratchBytes;
  return success();
}

LogicalResult mixln::verifyLaunches(ModuleOp module, KernelGenerator &kernels) {
  auto scratch = module->getAttrOfType<IntegerAttr>("mixln.scratch_bytes");
  if (!scratch)
    return module.emitError(
        "has no plan: attribute mixln.scratch_bytes is missing");
  for (auto entry : module.getOps<EntryOp>())
    for (auto op : entry.getBody().front().getOps<DispatchOp>())
      if (failed(verifyLaunch(op, kernels, scratch.getInt())))
        return failure();
  return success();
}
