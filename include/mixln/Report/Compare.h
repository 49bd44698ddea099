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

/// The keys that change a run's numbers and are not what is compared or paired.
std::map<std::string, std::string> settingKeysOf(const Run &run);

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
/// seed and data_seed, the same data and other flags.
struct Difference {
  std::string setting, placement, baseline;
  double lr, baselineLr;
  bool atBest; ///< each at its best learning rate, else both at the same
  Estimate estimate;
  /// Seeds without a loss, because their run diverged.
  int diverged = 0, baselineDiverged = 0;
  /// Seeds of several runs, of which the mean counts.
  int repeated = 0;

  /// What the reader must know beside the numbers, or nothing.
  std::string note() const;
};
/// Where no seed of a learning rate is left because they diverged, the estimate
/// has count 0.
std::vector<Difference> differences(const Group &group,
                                    const std::string &baseline);

/// Why a group has placements beside the baseline and yet no difference; empty
/// where it has one, or nothing to compare.
std::string whyUnpaired(const Group &group, const std::string &baseline);

/// The learning rate with the lowest mean loss, among those at which no seed
/// diverged and the most seeds finished; NaN if there is none.
double bestLearningRate(const Setting &setting, const std::string &placement);

} // namespace mixln::report

#endif // MIXLN_REPORT_COMPARE_H
