//===- State.cpp - How far a run is ---------------------------------------===//

#include "mixln/Sweep/State.h"

#include "llvm/ADT/StringRef.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

using namespace mixln::sweep;
namespace fs = std::filesystem;

/// Whether the checkpoints, where there are any, reach the last update.
static bool isSaved(const fs::path &folder, double steps) {
  bool any = false;
  std::error_code code;
  for (const auto &entry : fs::directory_iterator(folder, code)) {
    std::string name = entry.path().filename().string();
    llvm::StringRef number(name);
    int64_t step;
    if (!number.consume_front("model_") || number.getAsInteger(10, step) ||
        !fs::exists(entry.path() / "training_state.json", code))
      continue;
    any = true;
    if (static_cast<double>(step) >= steps)
      return true;
  }
  return !any;
}

State mixln::sweep::stateOf(const std::string &folder) {
  State state;
  state.steps = std::numeric_limits<double>::quiet_NaN();
  report::Run run;
  std::string error;
  if (!report::readRun(folder, run, error))
    return state;
  state.progress = Progress::Begun;
  state.step = run.lastStep();
  state.steps = run.numberFlag("num_training_steps");
  if (run.divergedAt >= 0) {
    state.progress = Progress::Diverged;
    state.step = static_cast<double>(run.divergedAt);
    return state;
  }
  const report::Evaluation *last = run.lastEvaluation("eval");
  bool evaluated = run.flag("eval_data").empty() || state.steps == 0 ||
                   (last && last->step >= state.steps);
  bool whole = isSaved(folder, state.steps) &&
               (state.steps > 0 || fs::exists(fs::path(folder) / "model_0"));
  if (state.step >= state.steps && evaluated && whole)
    state.progress = Progress::Done;
  return state;
}

double mixln::sweep::lastStepOf(const std::string &folder) {
  std::ifstream in(folder + "/metrics.jsonl", std::ios::binary | std::ios::ate);
  if (!in)
    return 0;
  constexpr std::streamoff kEnd = 4096;
  std::streamoff size = in.tellg();
  in.seekg(std::max<std::streamoff>(0, size - kEnd));
  std::string text(std::istreambuf_iterator<char>(in), {});
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n'));
  size_t line = text.rfind('\n');
  auto last = nlohmann::json::parse(
      line == std::string::npos ? text : text.substr(line + 1), nullptr, false);
  if (!last.is_object() || !last.contains("step") || !last["step"].is_number())
    return 0;
  return last["step"].get<double>();
}

std::string mixln::sweep::describe(const State &state) {
  auto whole = [](double number) {
    return std::isfinite(number) ? std::to_string(int64_t(number))
                                 : std::string("unknown");
  };
  switch (state.progress) {
  case Progress::NotBegun:
    return "not begun";
  case Progress::Begun:
    return whole(state.step) + " of " + whole(state.steps) + " updates";
  case Progress::Done:
    return "done, " + whole(state.steps) + " updates";
  case Progress::Diverged:
    return "diverged at update " + whole(state.step);
  }
  return "";
}
