//===- KernelsInfo.cpp - info --kernels -----------------------------------===//

#include "cli/KernelsInfo.h"
#include "support/Errors.h"
#include "train/Step.h"
#include "train/UpdateProfiler.h"

#include <cstdio>
#include <random>

using namespace mixln::rt;

/// Rows of uniformly random tokens; only speed is looked at.
static UpdateBatch randomBatch(const Program &program) {
  UpdateBatch batch;
  batch.rows = program.batchSize;
  std::mt19937 random(1);
  batch.ids.resize(program.batchSize * program.seqLen);
  for (int32_t &id : batch.ids)
    id = static_cast<int32_t>(random() % program.vocabSize);
  batch.labels = batch.ids;
  batch.split(program.batchSize, program.seqLen, program.vocabSize);
  return batch;
}

void mixln::rt::printKernels(const Executable &executable,
                             const DeviceChoice &device, int threads,
                             int64_t runs, bool asJson) {
  const Program &program = executable.program;
  if (runs == 0) {
    Profile profile = makeStaticProfile(program);
    std::fputs(
        (asJson ? profileJson(program, profile, nullptr) : profileText(profile))
            .c_str(),
        stdout);
    return;
  }
  note(cat("runs ", runs + 1, " updates of initial weights on random rows"));
  Model model(program, executable.code(), device, threads);
  model.initialise(0);
  model.prepare();
  UpdateBatch batch = randomBatch(program);
  UpdateProfiler profiler(model);
  Optimizer optimizer;
  for (int64_t n = 1; n <= runs + 1; ++n) {
    profiler.beginUpdate();
    accumulateGradients(model, batch, LossNormalization::Total);
    applyUpdate(model, optimizer, n, 1e-4);
    profiler.endUpdate();
  }
  Profile profile = profiler.profile();
  std::fputs((asJson ? profileJson(program, profile, &profiler.sums())
                     : profileText(profile))
                 .c_str(),
             stdout);
}
