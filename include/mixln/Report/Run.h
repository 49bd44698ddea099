//===- Run.h - What a run folder says ---------------------------*- C++ -*-===//
//
// Run folders are data from outside: written by other versions, cut off in the
// middle of a line, moved by hand. What is missing stays empty, what cannot be
// read becomes a warning.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_REPORT_RUN_H
#define MIXLN_REPORT_RUN_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mixln::report {

/// One update; what a line lacks is NaN.
struct StepRecord {
  double step, loss, lr, gradNorm, tokens, tokensPerSecond;
};

/// One evaluation. Losses compare only where `id`, a hash of the rows, is the
/// same.
struct Evaluation {
  std::string name; ///< "eval", or what follows "eval-" in a file's name
  double step, loss, perplexity, tokens;
  std::string id;
};

using Matrix = std::vector<std::vector<double>>;

/// Measurements by layer, by name.
struct LayerMeasurements {
  std::vector<double> steps;            ///< empty for a single measurement
  std::map<std::string, Matrix> fields; ///< [step][layer]
  /// Of a single measurement: `angular_distance` [n - 1][l] and its like.
  std::map<std::string, Matrix> matrices;
};

struct Run {
  std::string path;
  std::string name;             ///< short, different from every other run's
  std::string placement;        ///< as Placements.h names it
  nlohmann::ordered_json about; ///< run.json, or null
  std::vector<StepRecord> steps;
  std::vector<Evaluation> evaluations;
  LayerMeasurements history;  ///< layers.jsonl
  LayerMeasurements analysis; ///< layers.json
  /// Hash of the rows that layers.json is of, and which positions of them; it
  /// compares with that of another run where both are the same.
  std::string analysisRows;
  std::map<std::string, std::string> drawings; ///< file name to SVG
  int64_t divergedAt = -1; ///< the update whose loss was not finite, or -1
  std::vector<std::string> warnings;

  /// A flag of run.json, or empty.
  std::string flag(const std::string &name) const;
  double numberFlag(const std::string &name) const;
  /// The last update, or 0.
  double lastStep() const { return steps.empty() ? 0 : steps.back().step; }
  /// The last evaluation of that name, or null.
  const Evaluation *lastEvaluation(const std::string &name) const;
};

/// Reads a run folder. Returns false, with `error`, if it is none.
bool readRun(const std::string &path, Run &run, std::string &error);

/// Folders of runs: those given, and the runs below a given folder that is
/// none itself. Sorted below a folder, without repetition.
bool findRuns(const std::vector<std::string> &given,
              std::vector<std::string> &paths, std::string &error);

/// Names runs by the part of their paths in which they differ.
void nameRuns(std::vector<Run> &runs);

} // namespace mixln::report

#endif // MIXLN_REPORT_RUN_H
