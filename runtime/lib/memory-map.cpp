//===- memory-map.cpp -----------------------------------------------------===//

#include "mixln-rt/memory-map.h"

#include <algorithm>
#include <map>

using namespace mixln::rt;

const char *mixln::rt::memoryKindName(MemoryKind kind) {
  switch (kind) {
  case MemoryKind::Parameter:
    return "parameters";
  case MemoryKind::Gradient:
    return "gradients";
  case MemoryKind::Moment:
    return "moments";
  case MemoryKind::OtherVariable:
    return "other_variables";
  case MemoryKind::Packed:
    return "packed_weights";
  case MemoryKind::Activation:
    return "activations";
  case MemoryKind::Recomputed:
    return "recomputed";
  case MemoryKind::Temporary:
    return "temporaries";
  case MemoryKind::Workspace:
    return "workspace";
  }
  return "";
}

static int64_t bytesOf(const Tensor &tensor) {
  int64_t bytes = tensor.type == ElementType::BF16 ? 2 : 4;
  for (int64_t extent : tensor.shape)
    bytes *= extent;
  return bytes;
}

static MemoryKind kindOf(Role role) {
  switch (role) {
  case Role::Parameter:
    return MemoryKind::Parameter;
  case Role::Gradient:
    return MemoryKind::Gradient;
  case Role::Moment:
    return MemoryKind::Moment;
  case Role::Packed:
    return MemoryKind::Packed;
  default:
    return MemoryKind::OtherVariable;
  }
}

static MemoryKind kindOf(const Program &program, const Dispatch &dispatch) {
  auto contains = [&](const char *part) {
    return dispatch.site.find(part) != std::string::npos;
  };
  const std::string &kernel = program.kernels[dispatch.kernel].name;
  if (kernel.compare(0, 4, "pack") == 0)
    return MemoryKind::Packed;
  // A backward that also computes its forward again is a backward.
  if (contains(".backward"))
    return MemoryKind::Temporary;
  return contains(".again") ? MemoryKind::Recomputed : MemoryKind::Activation;
}

namespace {
class Mapper {
public:
  Mapper(const Program &program, const Entry &entry)
      : program(program), entry(entry) {}

  std::vector<MemoryBox> run() {
    int64_t count = static_cast<int64_t>(entry.dispatches.size());
    for (const Tensor &tensor : program.tensors)
      addVariable(tensor, count);
    for (int64_t i = 0; i < count; ++i)
      visit(entry.dispatches[i], i);
    return std::move(boxes);
  }

private:
  void addVariable(const Tensor &tensor, int64_t count);
  void visit(const Dispatch &dispatch, int64_t number);

  const Program &program;
  const Entry &entry;
  std::vector<MemoryBox> boxes;
  /// What holds bytes now, by offset.
  std::map<int64_t, size_t> held;
  /// Writes that give a variable its value: (dispatch, offset).
  std::map<std::pair<int64_t, int64_t>, bool> givesVariable;
};
} // namespace

/// Whether the dispatch touches the range; `exactly`: as one operand.
static bool touches(const Dispatch &dispatch, int64_t offset, int64_t bytes,
                    bool writes, bool exactly) {
  return std::any_of(dispatch.operands.begin(), dispatch.operands.end(),
                     [&](const Operand &operand) {
                       if (writes ? !operand.writes : !operand.reads)
                         return false;
                       if (exactly)
                         return operand.offset == offset &&
                                operand.bytes >= bytes;
                       return operand.offset < offset + bytes &&
                              offset < operand.offset + operand.bytes;
                     });
}

void Mapper::addVariable(const Tensor &tensor, int64_t count) {
  MemoryBox box{
      kindOf(tensor.role), tensor.name, tensor.offset,
      bytesOf(tensor),     0,           std::max<int64_t>(count - 1, 0)};
  // The last value is written by the last write, and those that it adds to.
  int64_t first = -1;
  for (int64_t i = count - 1; i >= 0; --i) {
    const Dispatch &dispatch = entry.dispatches[i];
    if (!touches(dispatch, box.offset, box.bytes, true, false))
      continue;
    if (!touches(dispatch, box.offset, box.bytes, true, true))
      break;
    givesVariable[{i, box.offset}] = true;
    first = i;
    if (!touches(dispatch, box.offset, box.bytes, false, true))
      break;
    first = 0;
  }
  if (first < 0 && tensor.offset >= program.sharedOffset)
    return;
  // The others hold what the host or an earlier call wrote.
  bool isOverwritten = tensor.role == Role::Gradient ||
                       tensor.role == Role::Output ||
                       tensor.role == Role::Packed;
  if (isOverwritten)
    box.begin = std::max<int64_t>(first, 0);
  boxes.push_back(box);
}

void Mapper::visit(const Dispatch &dispatch, int64_t number) {
  for (const Operand &operand : dispatch.operands)
    if (operand.reads && !operand.writes)
      for (auto it = held.begin(); it != held.end(); ++it) {
        MemoryBox &box = boxes[it->second];
        if (box.offset < operand.offset + operand.bytes &&
            operand.offset < box.offset + box.bytes)
          box.end = number;
      }
  for (const Operand &operand : dispatch.operands) {
    if (!operand.writes)
      continue;
    std::erase_if(held, [&](const auto &entry) {
      MemoryBox &box = boxes[entry.second];
      if (box.offset >= operand.offset + operand.bytes ||
          operand.offset >= box.offset + box.bytes)
        return false;
      // Written in place: the bytes count once.
      if (box.end == number && box.begin < number)
        --box.end;
      return true;
    });
    if (givesVariable.count({number, operand.offset}))
      continue;
    bool isWorkspace = operand.reads;
    MemoryKind kind =
        isWorkspace ? MemoryKind::Workspace : kindOf(program, dispatch);
    if (!isWorkspace)
      held[operand.offset] = boxes.size();
    boxes.push_back(
        {kind, dispatch.site, operand.offset, operand.bytes, number, number});
  }
}

std::vector<MemoryBox> mixln::rt::mapMemory(const Program &program,
                                            const Entry &entry) {
  return Mapper(program, entry).run();
}

int64_t MemoryPeak::total() const {
  int64_t sum = 0;
  for (int64_t part : bytes)
    sum += part;
  return sum;
}

MemoryPeak mixln::rt::findMemoryPeak(const Program &program,
                                     const Entry &entry) {
  std::vector<MemoryBox> boxes = mapMemory(program, entry);
  std::vector<int64_t> change(entry.dispatches.size() + 2, 0);
  MemoryPeak peak;
  for (const MemoryBox &box : boxes) {
    change[box.begin] += box.bytes;
    change[box.end + 1] -= box.bytes;
    peak.reach = std::max(peak.reach, box.offset + box.bytes);
  }
  int64_t live = 0, most = -1;
  for (size_t i = 0; i < std::max<size_t>(entry.dispatches.size(), 1); ++i) {
    live += change[i];
    if (live > most) {
      most = live;
      peak.dispatch = static_cast<int64_t>(i);
    }
  }
  for (const MemoryBox &box : boxes)
    if (box.begin <= peak.dispatch && peak.dispatch <= box.end)
      peak.bytes[static_cast<int>(box.kind)] += box.bytes;
  return peak;
}
