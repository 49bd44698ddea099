//===- ChooseBatch.cpp - --batch_size auto --------------------------------===//

#include "mixln/Pipelines/ChooseBatch.h"

#include "mixln/Pipelines/CompileFlags.h"
#include "mixln/Pipelines/Fit.h"
#include "mixln/Pipelines/MachineMemory.h"

using namespace llvm;
using namespace mixln;

/// The whole number of a run-time flag, the last one given, or nothing.
static std::optional<int64_t> findCount(ArrayRef<std::string> arguments,
                                        StringRef flag) {
  std::optional<int64_t> found;
  for (size_t i = 0; i < arguments.size(); ++i) {
    auto [spelled, value] = StringRef(arguments[i]).split('=');
    if (!spelled.starts_with("--") || canonicalFlag(spelled) != flag)
      continue;
    if (value.empty() && i + 1 < arguments.size())
      value = arguments[i + 1];
    int64_t number;
    found = value.getAsInteger(10, number) ? std::optional<int64_t>() : number;
  }
  return found;
}

std::string mixln::chooseBatch(CompileOptions &options,
                               ArrayRef<std::string> arguments,
                               raw_ostream &said) {
  std::optional<int64_t> total = findCount(arguments, "total_batch_size");
  if (!total || *total <= 0)
    return "--batch_size auto needs --total_batch_size: the sequences of "
           "an update, which must not depend on the machine";
  MachineMemory memory =
      options.target == "cuda" ? getGpuMemory() : getMachineMemory();
  bool isGiven = options.memoryLimit > 0;
  int64_t limit = isGiven ? options.memoryLimit : memory.usable;
  if (limit == 0)
    return "--batch_size auto: cannot tell how much memory there is; give "
           "--memory_limit";
  options.batchSize = std::min<int64_t>(*total, 8);
  Recompute recompute =
      options.checkpoints ? Recompute::Checkpoints : Recompute::Default;
  Fit fit = findLargestBatch(options, limit, recompute, *total);
  // Rather slower than not at all.
  if (fit.error.empty() && fit.batchSize == 0) {
    options.memoryLimit = limit;
    fit = findLargestBatch(options, limit, Recompute::Least, *total);
  }
  if (!fit.error.empty())
    return fit.error;
  if (fit.batchSize == 0)
    return "--batch_size auto: one sequence needs " +
           formatBytes(fit.bytes.begin()->second) + ", there are " +
           formatBytes(limit);
  int64_t batchSize = fit.batchSize;
  while (*total % batchSize != 0)
    --batchSize;
  options.batchSize = batchSize;
  said << "mixln-train: --batch_size auto: " << batchSize << " of " << *total
       << " sequences at a time; up to " << fit.batchSize << " fit into "
       << formatBytes(limit) << " ("
       << (isGiven ? std::string("--memory_limit")
                   : memory.source + " " + formatBytes(memory.available) +
                         " less head room")
       << ")\n";
  return {};
}
