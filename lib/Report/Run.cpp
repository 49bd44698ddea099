//===- Run.cpp - What a run folder says -----------------------------------===//

#include "mixln/Report/Run.h"
#include "JsonLines.h"
#include "LayerRecords.h"
#include "mixln/Report/Placements.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>

using namespace mixln::report;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

static constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
static constexpr uint64_t kMostDrawingBytes = uint64_t(8) << 20;
/// Whole numbers that a double holds exactly.
static constexpr double kMostSteps = 0x1p53;
static constexpr uint64_t kMostJsonBytes = uint64_t(256) << 20;

std::string Run::flag(const std::string &name) const {
  if (!about.is_object() || !about.contains("flags"))
    return "";
  const ordered_json &flags = about["flags"];
  if (!flags.is_object() || !flags.contains(name))
    return "";
  return flags[name].is_string() ? flags[name].get<std::string>()
                                 : flags[name].dump();
}

double Run::numberFlag(const std::string &name) const {
  double number;
  return llvm::StringRef(flag(name)).getAsDouble(number) ? kNaN : number;
}

const Evaluation *Run::lastEvaluation(const std::string &name) const {
  for (auto it = evaluations.rbegin(); it != evaluations.rend(); ++it)
    if (it->name == name)
      return &*it;
  return nullptr;
}

static bool isThere(const fs::path &path) {
  std::error_code error;
  return fs::exists(path, error);
}

static std::string readFile(const fs::path &path, uint64_t most,
                            std::vector<std::string> &warnings) {
  std::error_code code;
  uint64_t size = fs::file_size(path, code);
  if (!code && size > most) {
    warnings.push_back(path.filename().string() + " has " +
                       std::to_string(size) + " bytes, expected at most " +
                       std::to_string(most) + ": left out");
    return "";
  }
  auto buffer = llvm::MemoryBuffer::getFile(path.string());
  if (!buffer) {
    warnings.push_back(path.filename().string() + ": " +
                       llvm::StringRef(buffer.getError().message()).lower());
    return "";
  }
  return (*buffer)->getBuffer().str();
}

/// The object of a JSON file; null, with a warning, when it is none.
static ordered_json readObject(const fs::path &path,
                               std::vector<std::string> &warnings) {
  ordered_json value = parseTolerant(readFile(path, kMostJsonBytes, warnings));
  if (value.is_object())
    return value;
  warnings.push_back(path.filename().string() +
                     " is not a JSON object of at most " +
                     std::to_string(kMostNesting) + " levels: left out");
  return nullptr;
}

static void warnOfLines(const char *file, const LineCount &count, Run &run) {
  if (count.damaged)
    run.warnings.push_back(std::string(file) + ": passed over " +
                           std::to_string(count.damaged) +
                           " lines that are no JSON object");
  if (count.cutOff)
    run.warnings.push_back(std::string(file) +
                           ": the last line is cut off and was passed over");
}

//===----------------------------------------------------------------------===//
// The files of a folder
//===----------------------------------------------------------------------===//

static Evaluation evaluationOf(const ordered_json &line,
                               const std::string &name) {
  Evaluation evaluation;
  evaluation.name = name;
  evaluation.step = numberAt(line, "step");
  evaluation.loss = numberAt(line, "eval_loss");
  evaluation.perplexity = std::exp(evaluation.loss);
  evaluation.tokens = numberAt(line, "eval_tokens");
  auto id = line.find("eval_id");
  if (id != line.end() && id->is_string())
    evaluation.id = id->get<std::string>();
  return evaluation;
}

static void readMetrics(const fs::path &path, Run &run) {
  LineCount count = readJsonLines(path.string(), [&](const ordered_json &line) {
    if (line.contains("eval_loss"))
      run.evaluations.push_back(evaluationOf(line, "eval"));
    double step = numberAt(line, "step");
    if (line.contains("loss") && step >= 0 && step <= kMostSteps)
      run.steps.push_back({step, numberAt(line, "loss"), numberAt(line, "lr"),
                           numberAt(line, "grad_norm"),
                           numberAt(line, "tokens"),
                           numberAt(line, "tokens_per_second")});
  });
  warnOfLines("metrics.jsonl", count, run);
  std::sort(
      run.steps.begin(), run.steps.end(),
      [](const StepRecord &a, const StepRecord &b) { return a.step < b.step; });
  for (const StepRecord &record : run.steps)
    if (!std::isfinite(record.loss)) {
      run.divergedAt = static_cast<int64_t>(record.step);
      break;
    }
}

/// How many layers the model has, by its config or by a field that has a value
/// for each; 0 where neither is there.
static size_t layersOf(const Run &run) {
  static const ordered_json::json_pointer key("/config/num_hidden_layers");
  if (run.about.is_object() && run.about.contains(key) &&
      run.about.at(key).is_number_unsigned())
    return run.about.at(key).get<size_t>();
  for (const LayerMeasurements *one : {&run.analysis, &run.history})
    if (auto norms = one->fields.find("gradient_norm");
        norms != one->fields.end() && !norms->second.empty())
      return norms->second.front().size();
  return 0;
}

static void readLayers(const fs::path &folder, Run &run) {
  LineCount count = readJsonLines(
      (folder / "layers.jsonl").string(), [&](const ordered_json &line) {
        run.history.steps.push_back(numberAt(line, "step"));
        addLayerRecord(line, run.history.steps.size() - 1, run.history);
      });
  warnOfLines("layers.jsonl", count, run);
  // A history holds no matrices: the last one would pass for all.
  run.history.matrices.clear();
  if (isThere(folder / "layers.json")) {
    ordered_json analysis = readObject(folder / "layers.json", run.warnings);
    if (!analysis.is_null())
      addLayerRecord(analysis, 0, run.analysis);
    for (const char *key : {"rows_id", "positions"})
      if (auto found = analysis.find(key);
          found != analysis.end() && found->is_string())
        run.analysisRows += found->get<std::string>() + " ";
  }
  for (LayerMeasurements *one : {&run.history, &run.analysis})
    splitSubLayers(*one, layersOf(run));
}

/// Evaluations on other text (eval-NAME.json), drawings, traces of divergence.
static void readOthers(const fs::path &folder, Run &run) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto &entry : fs::directory_iterator(folder, error))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path &file : files) {
    std::string name = file.filename().string();
    llvm::StringRef stem(name);
    int64_t step;
    if (stem.consume_front("eval-") && stem.consume_back(".json")) {
      readJsonLines(file.string(), [&](const ordered_json &line) {
        if (line.contains("eval_loss"))
          run.evaluations.push_back(evaluationOf(line, stem.str()));
      });
    } else if (stem.ends_with(".svg")) {
      std::string text = readFile(file, kMostDrawingBytes, run.warnings);
      if (!text.empty())
        run.drawings[name] = std::move(text);
    } else if (stem.consume_front("not_finite_") &&
               stem.consume_back(".safetensors") &&
               !stem.getAsInteger(10, step) && step > run.lastStep()) {
      run.divergedAt = step;
    }
  }
}

static bool isRun(const fs::path &folder) {
  return isThere(folder / "metrics.jsonl") || isThere(folder / "run.json");
}

bool mixln::report::readRun(const std::string &path, Run &run,
                            std::string &error) {
  fs::path folder = path;
  std::error_code code;
  if (!fs::is_directory(folder, code)) {
    error = path + ": " + (isThere(folder) ? "is a file" : "no such folder") +
            ", expected the folder of a run";
    return false;
  }
  if (!isRun(folder)) {
    error = path + ": holds neither run.json nor metrics.jsonl, expected the "
                   "folder of a run (--save_dir)";
    return false;
  }
  run.path = path;
  if (isThere(folder / "run.json"))
    run.about = readObject(folder / "run.json", run.warnings);
  run.placement = namePlacement(run.about);
  readMetrics(folder / "metrics.jsonl", run);
  readLayers(folder, run);
  readOthers(folder, run);
  return true;
}

//===----------------------------------------------------------------------===//
// Several runs
//===----------------------------------------------------------------------===//

bool mixln::report::findRuns(const std::vector<std::string> &given,
                             std::vector<std::string> &paths,
                             std::string &error) {
  std::set<fs::path> seen;
  auto add = [&](const fs::path &path) {
    std::error_code code;
    if (seen.insert(fs::weakly_canonical(path, code)).second)
      paths.push_back(path.string());
  };
  for (const std::string &path : given) {
    std::error_code code;
    std::vector<fs::path> below;
    if (!isRun(path))
      for (const auto &entry : fs::directory_iterator(path, code))
        if (isRun(entry.path()))
          below.push_back(entry.path());
    std::sort(below.begin(), below.end());
    if (!isRun(path) && below.empty()) {
      Run none;
      readRun(path, none, error);
      return false;
    }
    if (below.empty())
      add(path);
    for (const fs::path &run : below)
      add(run);
  }
  return true;
}

void mixln::report::nameRuns(std::vector<Run> &runs) {
  // Absolute, so that "." has a name.
  std::vector<std::vector<std::string>> parts;
  for (const Run &run : runs) {
    std::error_code code;
    fs::path path = fs::weakly_canonical(run.path, code);
    std::vector<std::string> of;
    for (const fs::path &part : path)
      of.push_back(part.string());
    parts.push_back(std::move(of));
  }
  size_t common = 0;
  auto shared = [&](size_t at) {
    for (const auto &of : parts)
      if (at + 1 >= of.size() || of[at] != parts[0][at])
        return false;
    return true;
  };
  while (!parts.empty() && shared(common))
    ++common;
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].name.clear();
    for (size_t at = common; at < parts[i].size(); ++at)
      runs[i].name += (at == common ? "" : "/") + parts[i][at];
  }
}
