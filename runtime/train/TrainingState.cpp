//===- TrainingState.cpp --------------------------------------------------===//

#include "train/TrainingState.h"
#include "data/Files.h"
#include "support/Errors.h"
#include "support/Json.h"

#include <nlohmann/json.hpp>
#include <set>

using namespace mixln::rt;
using nlohmann::json;
using nlohmann::ordered_json;

std::string TrainingState::toJson() const {
  ordered_json state = {
      {"format", kTrainingStateFormat},
      {"step", step},
      {"applied_updates", applied},
      {"tokens", tokens},
      {"data",
       {{"key", dataKey},
        {"epoch", data.epoch},
        {"block", data.block},
        {"rows_before", data.rowsBefore},
        {"file", data.source.file},
        {"record", data.source.record},
        {"skip", data.source.skip},
        {"row", data.row}}},
      {"spikes",
       {{"loss", spikes.losses.values}, {"grad_norm", spikes.norms.values}}},
      {"executable", executable},
      {"flags", flags}};
  return state.dump(2) + "\n";
}

TrainingState mixln::rt::readTrainingState(const std::string &folder) {
  std::string path = folder + "/training_state.json";
  std::string contents = readWholeFile(path, size_t(16) << 20);
  checkNesting(contents, path);
  json root = json::parse(contents, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object())
    badInput(path, " is not a JSON object");
  TrainingState state;
  try {
    if (root.at("format") != kTrainingStateFormat)
      badInput(path, " has format ", root.at("format").dump(), ", expected ",
               kTrainingStateFormat);
    auto count = [&](const json &in, const char *key) {
      const json &value = in.at(key);
      // Sums of them do not overflow.
      constexpr uint64_t most = uint64_t(1) << 60;
      if (!value.is_number_unsigned() || value.get<uint64_t>() > most)
        badInput(path, ": ", key, " is ", value.dump(),
                 ", expected a whole number of 0 to ", most);
      return value.get<int64_t>();
    };
    state.step = count(root, "step");
    state.applied = count(root, "applied_updates");
    state.tokens = count(root, "tokens");
    const json &data = root.at("data");
    data.at("key").get_to(state.dataKey);
    state.data.epoch = count(data, "epoch");
    state.data.block = count(data, "block");
    state.data.rowsBefore = count(data, "rows_before");
    state.data.source.file = count(data, "file");
    state.data.source.record = count(data, "record");
    state.data.source.skip = count(data, "skip");
    state.data.row = count(data, "row");
    root.at("spikes").at("loss").get_to(state.spikes.losses.values);
    root.at("spikes").at("grad_norm").get_to(state.spikes.norms.values);
    root.at("executable").get_to(state.executable);
    root.at("flags").get_to(state.flags);
  } catch (const json::exception &error) {
    badInput(path, " is not a training state: ", error.what());
  }
  return state;
}

std::vector<std::string> mixln::rt::changedFlags(const ResolvedFlags &before,
                                                 const ResolvedFlags &now) {
  auto shown = [](const ResolvedFlags &flags, const std::string &name) {
    auto found = flags.find(name);
    return found == flags.end() || found->second.empty() ? std::string("none")
                                                         : found->second;
  };
  std::set<std::string> names;
  for (const ResolvedFlags *flags : {&before, &now})
    for (auto &[name, value] : *flags)
      names.insert(name);
  // They say how a run is begun, not what it is.
  for (const char *aside : {"resume", "rerun", "continue_from", "save_dir"})
    names.erase(aside);
  std::vector<std::string> changed;
  for (const std::string &name : names) {
    std::string old = shown(before, name), current = shown(now, name);
    if (old != current)
      changed.push_back(cat("--", name, " was ", old, ", is ", current));
  }
  return changed;
}
