//===- Storage.cpp - Which values share bytes -----------------------------===//

#include "mixln/Transforms/Plan/Storage.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mixln;

int mixln::getTiedOperand(Operation *op, unsigned result) {
  if (auto matmul = dyn_cast<MatmulOp>(op)) {
    if (matmul.getInto().empty())
      return -1;
    return matmul.getLhs().size() + matmul.getRhs().size() + result;
  }
  // The caches.
  if (isa<AttentionStepOp>(op))
    return result == 0 ? -1 : static_cast<int>(result) + 4;
  if (auto gradient = dyn_cast<EmbeddingGradOp>(op))
    return gradient.getInto() ? op->getNumOperands() - 1 : -1;
  if (auto rowwise = dyn_cast<RowwiseOp>(op)) {
    int64_t sum = static_cast<int64_t>(result) -
                  static_cast<int64_t>(rowwise.getRowResults().size());
    for (auto [i, intoSum] : llvm::enumerate(rowwise.getIntoSums()))
      if (intoSum == sum)
        return rowwise.getRows().size() + rowwise.getShared().size() + i;
  }
  return -1;
}

bool mixln::mustAddInPlace(Operation *op, KernelGenerator &kernels) {
  return !isa<MatmulOp>(op) || kernels.getMatmulTraits().addsInPlace;
}

bool InPlaceRules::allows(Operation *op, unsigned operand, unsigned result) {
  if (getTiedOperand(op, result) == static_cast<int>(operand))
    return true;
  auto [it, isNew] = answers.try_emplace({op, operand, result}, false);
  if (isNew)
    it->second = kernels.canWriteInPlace(op, operand, result);
  return it->second;
}

Storages::Storages(const Lifetimes &lifetimes, InPlaceRules &rules)
    : lifetimes(lifetimes), rules(rules) {
  for (auto [i, root] : llvm::enumerate(lifetimes.getRoots())) {
    Storage storage;
    storage.members.push_back({static_cast<unsigned>(i), 0});
    storage.bytes = root.bytes;
    storage.variable = root.variable;
    storage.begin = root.begin;
    storage.end = root.end;
    storages.push_back(std::move(storage));
    storageOf.push_back(i);
    offsetOf.push_back(0);
  }
}

/// Bytes of a value without a packed layout.
static int64_t denseBytes(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return tensor.getNumElements() * tensor.getElementTypeBitWidth() / 8;
}

/// Whether values of the two types have the same elements in the same order.
static bool haveSameBytes(Type a, Type b) {
  auto from = cast<RankedTensorType>(a), to = cast<RankedTensorType>(b);
  return from == to || (!from.getEncoding() && !to.getEncoding() &&
                        from.getElementType() == to.getElementType() &&
                        from.getNumElements() == to.getNumElements());
}

/// Whether `part` is read by `concat`, only where `whole` has it.
static bool isPartInPlace(tensor::ConcatOp concat, Storage::Member part,
                          Storage::Member whole, const Lifetimes &lifetimes) {
  int64_t start = whole.offset;
  bool isPart = false;
  for (Value input : concat.getInputs()) {
    Place place = lifetimes.getPlace(input);
    if (place.root == part.root) {
      if (part.offset + place.offset != start)
        return false;
      isPart = true;
    }
    start += denseBytes(input.getType());
  }
  return isPart;
}

/// `written` begins where `old` ends: whether the operation that writes it may
/// put it there.
bool Storages::mayReplace(Storage::Member old, Storage::Member written) const {
  const Root &root = lifetimes.getRoots()[written.root];
  Operation *op = root.value.getDefiningOp();
  unsigned result = cast<OpResult>(root.value).getResultNumber();
  for (OpOperand &operand : op->getOpOperands()) {
    Place place = lifetimes.getPlace(operand.get());
    if (place.root != old.root)
      continue;
    if (old.offset + place.offset != written.offset ||
        !haveSameBytes(operand.get().getType(), root.value.getType()) ||
        !rules.allows(op, operand.getOperandNumber(), result))
      return false;
  }
  return true;
}

bool Storages::areCompatible(Storage::Member a, Storage::Member b) const {
  const Root *first = &lifetimes.getRoots()[a.root];
  const Root *second = &lifetimes.getRoots()[b.root];
  if (a.offset + first->bytes <= b.offset ||
      b.offset + second->bytes <= a.offset)
    return true;
  if (first->begin > second->begin) {
    std::swap(first, second);
    std::swap(a, b);
  }
  if (first->begin == second->begin)
    return false;
  if (first->end < second->begin)
    return true;
  if (!second->value)
    return false;
  // A part that is read after its concatenation is still the same bytes.
  if (auto concat = second->value.getDefiningOp<tensor::ConcatOp>())
    return isPartInPlace(concat, a, b, lifetimes);
  return first->end == second->begin && mayReplace(a, b);
}

bool Storages::join(unsigned base, unsigned root, int64_t delta) {
  Storage *into = &storages[storageOf[base]];
  Storage *from = &storages[storageOf[root]];
  int64_t shift = offsetOf[base] + delta - offsetOf[root];
  if (into == from)
    return shift == 0;
  bool fits = shift >= 0 && shift + from->bytes <= into->bytes;
  bool fitsSwapped = shift <= 0 && -shift + into->bytes <= from->bytes;
  if (fitsSwapped && (!fits || from->variable)) {
    std::swap(into, from);
    shift = -shift;
    fits = true;
  }
  if (!fits || from->variable)
    return false;
  for (Storage::Member a : into->members)
    for (Storage::Member b : from->members)
      if (!areCompatible(a, {b.root, b.offset + shift}))
        return false;

  unsigned index = storageOf[into->members.front().root];
  for (Storage::Member member : from->members) {
    storageOf[member.root] = index;
    offsetOf[member.root] = member.offset + shift;
    into->members.push_back({member.root, member.offset + shift});
  }
  into->begin = std::min(into->begin, from->begin);
  into->end = std::max(into->end, from->end);
  from->members.clear();
  return true;
}

bool Storages::joinInPlace(Operation *op, unsigned operand, unsigned result) {
  Value from = op->getOperand(operand), to = op->getResult(result);
  if (!haveSameBytes(from.getType(), to.getType()) ||
      !rules.allows(op, operand, result))
    return false;
  Place place = lifetimes.getPlace(from);
  return join(place.root, lifetimes.getPlace(to).root, place.offset);
}

SmallVector<Storage *> Storages::getStorages() {
  SmallVector<Storage *> list;
  for (Storage &storage : storages)
    if (!storage.members.empty())
      list.push_back(&storage);
  return list;
}

int64_t Storages::getOffset(Value value) {
  Place place = lifetimes.getPlace(value);
  return getStorageOf(place.root).offset + offsetOf[place.root] + place.offset;
}
