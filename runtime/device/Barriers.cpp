//===- Barriers.cpp - Where workers must meet -----------------------------===//
//
//   pack  reads w0 writes p0        pack  reads w0 writes p0
//   -- barrier                      pack  reads w1 writes p1
//   pack  reads w1 writes p1   =>   -- barrier
//   -- barrier                      matmul reads x p0 p1 writes y
//   matmul reads x p0 p1 writes y
//
// Dispatches declare every byte that they touch, so that what may run side by
// side is read off the plan.
//
//===----------------------------------------------------------------------===//

#include "device/Barriers.h"

using namespace mixln::rt;

static bool overlap(const Operand &a, const Operand &b) {
  return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

static bool conflict(const Dispatch &dispatch,
                     const std::vector<const Operand *> &pending) {
  for (const Operand &operand : dispatch.operands)
    for (const Operand *other : pending)
      if ((operand.writes || other->writes) && overlap(operand, *other))
        return true;
  return false;
}

std::vector<bool> mixln::rt::barriersBehind(const Entry &entry) {
  std::vector<bool> barriers(entry.dispatches.size(), true);
  // What the dispatches since the last barrier touch.
  std::vector<const Operand *> pending;
  for (size_t i = 0; i < entry.dispatches.size(); ++i) {
    const Dispatch &dispatch = entry.dispatches[i];
    if (i > 0) {
      barriers[i - 1] = conflict(dispatch, pending);
      if (barriers[i - 1])
        pending.clear();
    }
    // Workers meet between its phases.
    if (dispatch.tasks.size() > 1)
      pending.clear();
    for (const Operand &operand : dispatch.operands)
      pending.push_back(&operand);
  }
  return barriers;
}
