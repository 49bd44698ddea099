//===- TimeLeft.h - How long a sweep will still take ------------*- C++ -*-===//

#ifndef MIXLN_LIB_SWEEP_TIMELEFT_H
#define MIXLN_LIB_SWEEP_TIMELEFT_H

#include <chrono>
#include <map>
#include <string>

namespace mixln::sweep {

/// Counts updates of all runs. The time left is theirs at the mean pace of
/// those that were seen, shared among the runs side by side.
class TimeLeft {
public:
  explicit TimeLeft(int jobs);

  void expect(const std::string &run, double step, double steps);
  void begin(const std::string &run);
  void at(const std::string &run, double step);
  void end(const std::string &run, double step);

  /// Seconds, or a negative number while nothing is known.
  double seconds() const;

  /// A line that the next one replaces, on a terminal only.
  void show(const std::string &text);
  void clearLine();

private:
  using Clock = std::chrono::steady_clock;
  struct Run {
    double firstStep = 0, step = 0, steps = 0;
    Clock::time_point began = {}, seen = {};
    bool running = false, ended = false;
  };
  int jobs;
  bool terminal, shown = false;
  std::map<std::string, Run> runs;
};

/// "2 h 5 min", "3 min 20 s", "7 s".
std::string durationText(double seconds);

} // namespace mixln::sweep

#endif // MIXLN_LIB_SWEEP_TIMELEFT_H
