//===- OwnRun.cpp ---------------------------------------------------------===//

#include "cli/OwnRun.h"
#include "data/Files.h"
#include "support/Errors.h"
#include "support/Json.h"
#include "train/RunFolder.h"

#include <filesystem>
#include <nlohmann/json.hpp>

using namespace mixln::rt;
namespace fs = std::filesystem;

std::string OwnRun::flag(const std::string &name) const {
  auto found = flags.find(name);
  return found == flags.end() ? "" : found->second;
}

std::string OwnRun::path(const std::string &name) const {
  std::string value = flag(name);
  if (value.empty() || value[0] == '/' || value[0] == '~')
    return value;
  return directory + "/" + value;
}

std::string OwnRun::tokenizer() const {
  std::string given = flag("tokenizer");
  if (given.empty())
    return "";
  std::string copy = folder + "/" + fs::path(given).filename().string();
  std::error_code error;
  return fs::exists(copy, error) ? copy : path("tokenizer");
}

std::optional<OwnRun> mixln::rt::findOwnRun(const Executable &executable) {
  std::string self = executablePath();
  // Without /proc, the name it was started by, if that is a path.
  if (self.empty())
    self = executable.name;
  std::string folder = fs::path(self).parent_path().string();
  std::error_code error;
  if (folder.empty() || !fs::exists(folder + "/run.json", error))
    return std::nullopt;
  return readRun(folder);
}

OwnRun mixln::rt::readRun(const std::string &folder) {
  OwnRun run;
  run.folder = folder;
  std::string path = folder + "/run.json";
  std::string contents = readWholeFile(path, size_t(64) << 20);
  checkNesting(contents, path);
  auto json = nlohmann::json::parse(contents, nullptr, false);
  try {
    json.at("directory").get_to(run.directory);
    json.at("flags").get_to(run.flags);
    if (json.contains("hashes"))
      json["hashes"].get_to(run.hashes);
    if (json.contains("resumed"))
      for (const auto &one : json["resumed"])
        for (const auto &change : one.at("changed_flags"))
          run.changed.push_back(change.get<std::string>());
  } catch (const nlohmann::json::exception &failure) {
    badInput(path, " does not describe a run: ", failure.what());
  }
  return run;
}
