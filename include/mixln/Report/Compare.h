//===- Compare.h - Which runs may be compared, and how far apart they are -===//

#ifndef MIXLN_REPORT_COMPARE_H
#define MIXLN_REPORT_COMPARE_H

#include "mixln/Report/Run.h"
#include "mixln/Report/Statistics.h"

#include <map>
#include <string>
#include <vector>

namespace mixln::report {

/// What run.json says, key by key ("flags.lr", "config.hidden_size").
std::map<std::string, std::string> flatten(const nlohmann::ordered_json &about);

/// The keys in which the runs differ, with one value a run; empty where a run
/// lacks the key. Times and places of a run are left out.
std::vector<std::pair<std::string, std::vector<std::string>>>
differingKeys(const std::vector<Run> &runs);

/// How one run ended by one measure.
struct Outcome {
  const Run *run;
  double step, loss;
  bool diverged;
  bool finished; ///< all updates that were asked for
};

/// Outcomes that were measured on the same rows.
struct Group {
  std::string measure; ///< name of the evaluation, or "training loss"
  std::string id;      ///< eval_id, or a text that names the training data
  bool isEvaluation;
  std::vector<Outcome> outcomes; ///< best first, diverged ones last
};

/// Evaluations by name and eval_id. Runs without any are in groups by their
/// training data, judged by the mean loss of the last tenth of the updates.
std::vector<Group> groupOutcomes(const std::vector<Run> &runs);

/// The mean training loss of the last tenth of the updates, or NaN.
double tailLoss(const Run &run);

/// What seeds and placements share: "" when all runs of the group share it,
/// else the keys in which the settings differ.
struct Setting {
  std::string name;
  std::vector<Outcome> outcomes;
};
std::vector<Setting> settingsOf(const Group &group);

/// The mean of (placement minus baseline) over seeds, each pair with the same
/// seed, data and other flags.
struct Difference {
  std::string setting, placement, baseline;
  double lr, baselineLr;
  bool atBest; ///< each at its best learning rate, else both at the same
  Estimate estimate;
};
std::vector<Difference> differences(const Group &group,
                                    const std::string &baseline);

/// The learning rate with the lowest mean loss, among those at which no seed
/// diverged and the most seeds finished; NaN if there is none.
double bestLearningRate(const Setting &setting, const std::string &placement);

/// Placements in the order in which they first appear.
std::vector<std::string> placementsOf(const std::vector<Run> &runs);

/// What the other placements are compared with: `given`, else the usual one
/// (page/defaults.json) where it is among them, else the first.
std::string baselineOf(const std::vector<Run> &runs, const std::string &given);

} // namespace mixln::report

#endif // MIXLN_REPORT_COMPARE_H
