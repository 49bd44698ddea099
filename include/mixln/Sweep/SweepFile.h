//===- SweepFile.h - What a sweep file says ---------------------*- C++ -*-===//
//
//   { "out": "runs/depth", "baseline": "pre",
//     "flags": {"model_config": "configs/thin_deep.json", "batch_size": 8},
//     "vary":  {"norm": ["pre", "post_pre:25%"], "lr": [3e-4, 1e-3],
//               "seed": [0, 1]},
//     "cases": [{"model_config": "a.json", "total_batch_size": 512}, ...],
//     "evaluate": {"books": {"data": "books/*.json.gz"}},
//     "layers": {"data": "c4/*.json.gz"} }
//
// Each case is combined with each combination of what varies.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_SWEEP_SWEEPFILE_H
#define MIXLN_SWEEP_SWEEPFILE_H

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace mixln::sweep {

/// Flags by canonical name, in order; a switch that is on has the value
/// "true", one that is off "false".
using FlagList = std::vector<std::pair<std::string, std::string>>;

/// The value of a flag, or null.
const std::string *findFlag(const FlagList &flags, const std::string &name);

/// One training run.
struct RunPlan {
  std::string name; ///< of its folder below `out`
  FlagList varied;  ///< what tells it from the others
  FlagList flags;   ///< all, the varied ones included
  // Once the flags have been checked:
  double steps = 0;                            ///< updates
  std::map<std::string, std::string> resolved; ///< flags with their values
  std::string config;    ///< JSON, as a run of it would record it
  std::string placement; ///< as the report calls it
};

struct Sweep {
  std::string title, out, baseline;
  std::vector<RunPlan> runs;
  /// After a run: evaluations by name, and the flags of `layers`.
  std::vector<std::pair<std::string, FlagList>> evaluations;
  bool measuresLayers = false;
  FlagList layers;
  /// Once they have been checked: the flags of what is measured after a run,
  /// with their values, by the name of the file that it writes.
  std::map<std::string, std::map<std::string, std::string>> after;
};

/// Reads a sweep file. `extra`: flags of the command line for every run; they
/// replace those of "flags". Returns false with `error`.
bool readSweep(const std::string &path, const FlagList &extra, Sweep &sweep,
               std::string &error);

/// Flags as arguments of a command line.
std::vector<std::string> argumentsOf(const FlagList &flags);

} // namespace mixln::sweep

#endif // MIXLN_SWEEP_SWEEPFILE_H
