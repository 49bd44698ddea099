//===- RunFolder.cpp ------------------------------------------------------===//

#include "train/RunFolder.h"
#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/Safetensors.h"
#include "data/Chat.h"
#include "data/Files.h"
#include "data/Tokenizer.h"
#include "device/CpuFeatures.h"
#include "device/ThreadPool.h"
#include "mixln-rt/memory-drawing.h"
#include "support/Errors.h"
#include "support/Hash.h"
#include "support/Json.h"
#include "train/TrainingState.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

/// What shows that a folder holds a run, or empty.
static std::string traceOfRun(const std::string &folder) {
  std::error_code error;
  for (const char *name : {"metrics.jsonl", "run.json"})
    if (fs::exists(folder + "/" + name, error))
      return name;
  auto found = checkpointsOf(folder);
  return found.empty() ? "" : fs::path(found.back().second).filename().string();
}

RunFolder::RunFolder(std::string path, bool resume) : path(std::move(path)) {
  if (std::string trace = traceOfRun(this->path); !resume && !trace.empty())
    badInput("--save_dir ", this->path, " already holds a run (", trace,
             "); --resume continues it, or choose another folder");
  std::error_code error;
  for (fs::path folder = this->path;
       !folder.empty() && !fs::exists(folder, error);
       folder = folder.parent_path())
    made.push_back(folder);
  naming("--save_dir", [&] {
    checkWritableFolder(this->path);
    lock.emplace(this->path, "another process trains in");
  });
  repairModelFolders(this->path);
}

RunFolder::~RunFolder() {
  for (const std::string &folder : made)
    if (rmdir(folder.c_str()) != 0) // one that is not empty stays
      return;
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

std::vector<std::pair<int64_t, std::string>>
mixln::rt::checkpointsOf(const std::string &run) {
  std::vector<std::pair<int64_t, std::string>> found;
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(run, error)) {
    auto step = stepOfModelFolder(entry.path().filename());
    if (step && fs::is_directory(entry.path(), error))
      found.emplace_back(*step, entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string mixln::rt::newestCheckpointOf(const std::string &run) {
  auto found = checkpointsOf(run);
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    try {
      readTrainingState(it->second);
      SafetensorsFile(it->second + "/model.safetensors");
      SafetensorsFile(it->second + "/optimizer.safetensors");
      return it->second;
    } catch (const InputError &error) {
      note(cat("passed over ", it->second, ": ", error.what()));
    }
  }
  return "";
}

std::string RunFolder::newestCheckpoint() const {
  return newestCheckpointOf(path);
}

void RunFolder::prune(int64_t count, int64_t step,
                      const std::set<int64_t> &keep) const {
  if (count == 0)
    return;
  auto found = checkpointsOf(path);
  std::erase_if(found, [&](const auto &one) {
    return one.first > step || keep.contains(one.first);
  });
  for (size_t i = 0; i + static_cast<size_t>(count) < found.size(); ++i)
    removeModelFolder(found[i].second);
}

//===----------------------------------------------------------------------===//
// Executable and tokenizer
//===----------------------------------------------------------------------===//

std::string mixln::rt::executablePath() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).string();
}

/// Empty where the file cannot be opened.
static std::string hashOfFile(const std::string &path) {
  if (!std::ifstream(path, std::ios::binary))
    return "";
  StreamHash hash;
  readParts(path,
            [&](std::string_view part) { hash.add(part.data(), part.size()); });
  return hexHash(hash.value());
}

std::string mixln::rt::executableHash() { return hashOfFile("/proc/self/exe"); }

// What is there already is left alone: a full disk has no room for it twice.

static void writeIfOther(const std::string &path, const std::string &text) {
  StreamHash hash;
  hash.add(text.data(), text.size());
  if (hashOfFile(path) != hexHash(hash.value()))
    writeTextFile(path, text);
}

static void copyFile(const std::string &from, const std::string &to,
                     unsigned mode) {
  std::error_code error;
  if (fs::file_size(from, error) == fs::file_size(to, error) && !error &&
      hashOfFile(from) == hashOfFile(to))
    return;
  OutputFile out(to, mode);
  readParts(from, [&](std::string_view part) { out.write(part); });
  out.commit();
}

void mixln::rt::checkTokenizerName(const std::string &tokenizer) {
  std::string name = fs::path(tokenizer).filename().string();
  for (const char *taken : {"config.json", "model.safetensors",
                            "optimizer.safetensors", "training_state.json",
                            "run.json", "metrics.jsonl", "memory.svg", "exe"})
    if (name == taken)
      badInput("--tokenizer ", tokenizer, " is named ", name,
               ", as another file of a run's folder; give it another name");
  if (name.starts_with("model_"))
    badInput("--tokenizer ", tokenizer, " is named ", name,
             ", as the checkpoints of a run are; give it another name");
}

void RunFolder::drawMemory(const Program &program) const {
  std::string drawing = rt::drawMemory(program);
  if (!drawing.empty())
    writeIfOther(file("memory.svg"), drawing);
}

void RunFolder::copyTools(const Tokenizer *tokenizer) const {
  std::error_code error;
  if (fs::exists("/proc/self/exe", error) &&
      !fs::equivalent("/proc/self/exe", file("exe"), error))
    copyFile("/proc/self/exe", file("exe"), 0777);
  if (!tokenizer)
    return;
  // The one that was read, whatever lies at its path by now.
  writeIfOther(file(fs::path(tokenizer->path()).filename().string()),
               tokenizer->bytes());
}

//===----------------------------------------------------------------------===//
// run.json
//===----------------------------------------------------------------------===//

static std::string timeNow() {
  std::time_t now = std::time(nullptr);
  std::tm parts = {};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

/// What an earlier part of the run wrote, or null.
static ordered_json readRunJson(const std::string &path) {
  std::error_code error;
  if (!fs::exists(path, error))
    return nullptr;
  std::string contents = readWholeFile(path, size_t(64) << 20);
  checkNesting(contents, path);
  auto run = ordered_json::parse(contents, nullptr, false);
  return run.is_object() ? run : ordered_json(nullptr);
}

void RunFolder::writeRunJson(const Program &program, const ResolvedFlags &flags,
                             const std::map<std::string, std::string> &hashes,
                             const std::vector<FileHash> &files, int threads,
                             const Resumption *resumption) const {
  int64_t memory =
      int64_t(sysconf(_SC_PHYS_PAGES)) * int64_t(sysconf(_SC_PAGESIZE));
  std::error_code error;
  ordered_json run = {{"format", 1},
                      {"started", timeNow()},
                      {"directory", fs::current_path(error).string()},
                      {"flags", flags},
                      {"versions",
                       {{"runtime", MIXLN_VERSION},
                        {"compiler", program.compiler},
                        {"program", program.version}}},
                      {"program",
                       {{"norm", program.norm},
                        {"dtype", program.dtype},
                        {"target", program.target},
                        {"cpu", program.cpu},
                        {"batch_size", program.batchSize},
                        {"seq_len", program.seqLen},
                        {"arena_bytes", program.stepBytes},
                        {"memory_limit", program.memoryLimit},
                        {"activation_checkpointing", program.checkpoints},
                        {"flops_per_token", program.flopsPerToken}}},
                      {"hashes", hashes},
                      {"machine",
                       {{"cpu", cpuModelName()},
                        {"cpus", availableCpus()},
                        {"cores", std::thread::hardware_concurrency()},
                        {"threads", threads},
                        {"memory_bytes", memory}}}};
  if (!program.differences.empty())
    run["program"]["differences"] = program.differences;
  if (auto format = flags.find("data_format");
      format != flags.end() && format->second == "chat")
    run["chat_template"] = kChatTemplate;
  for (const FileHash &one : files)
    run["data_files"].push_back(
        {{"path", one.path}, {"bytes", one.bytes}, {"xxh64", one.hash}});
  // The config is text that came with the program; kept as it is if damaged.
  auto config = ordered_json::parse(program.configJson, nullptr, false);
  run["config"] = config.is_discarded() ? ordered_json(program.configJson)
                                        : std::move(config);
  if (resumption) {
    ordered_json before = readRunJson(file("run.json"));
    if (before.is_object()) {
      run["started"] = before.value("started", run["started"]);
      run["resumed"] = before.value("resumed", ordered_json::array());
    }
    run["resumed"].push_back({{"at", timeNow()},
                              {"step", resumption->step},
                              {"checkpoint", resumption->checkpoint},
                              {"changed_flags", resumption->changed},
                              {"threads", threads}});
  }
  writeTextFile(file("run.json"), run.dump(2) + "\n");
}
