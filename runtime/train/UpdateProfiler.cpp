//===- UpdateProfiler.cpp -------------------------------------------------===//

#include "train/UpdateProfiler.h"
#include "checkpoint/OutputFile.h"

using namespace mixln::rt;

using Clock = std::chrono::steady_clock;

UpdateProfiler::UpdateProfiler(Model &model)
    : model(model), recorder(model.program(), model.threads()),
      recorded(recordedCeilings(model.threads())) {}

UpdateProfiler::~UpdateProfiler() { model.setRecorder(nullptr); }

void UpdateProfiler::beginUpdate() {
  if (updates == 1) {
    recorder.forgetSums();
    seconds = 0;
  }
  recorder.beginStep();
  model.setRecorder(&recorder);
  begin = Clock::now();
}

void UpdateProfiler::endUpdate() {
  seconds += std::chrono::duration<double>(Clock::now() - begin).count();
  ++updates;
  model.setRecorder(nullptr);
}

Profile UpdateProfiler::profile() {
  return makeProfile(model.program(), recorder,
                     updates > 1 ? updates - 1 : updates, seconds,
                     findCeilings(model.threadPool(), recorded));
}

std::string UpdateProfiler::write(const std::string &folder) {
  Profile found = profile();
  writeTextFile(folder + "/profile.json",
                profileJson(model.program(), found, &recorder));
  writeTextFile(folder + "/trace.json", traceJson(model.program(), recorder));
  return profileText(found);
}
