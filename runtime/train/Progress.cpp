//===- Progress.cpp -------------------------------------------------------===//

#include "train/Progress.h"
#include "support/Terminal.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unistd.h>

using namespace mixln::rt;

std::string mixln::rt::durationText(double seconds) {
  auto whole = static_cast<long long>(std::llround(std::max(seconds, 0.0)));
  char text[32];
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", whole / 3600,
                  whole / 60 % 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
  return text;
}

Progress::Progress(int64_t steps, bool terminal)
    : steps(steps), terminal(terminal), lastShown(Clock::now()) {}

std::string Progress::text(const StepMetrics &metrics, double share) const {
  char line[160];
  std::snprintf(
      line, sizeof line, "step %lld/%lld  loss %.4f  lr %.3g  %.0f tokens/s",
      static_cast<long long>(metrics.step), static_cast<long long>(steps),
      metrics.loss, metrics.lr, metrics.tokensPerSecond);
  std::string out = line;
  if (share >= 0.001) {
    std::snprintf(line, sizeof line, " (%.1f %% of peak)", 100 * share);
    out += line;
  }
  // The first steps are slower than the rest: cold caches, cold files.
  int64_t measured = metrics.step - firstStep;
  if (measured >= 5) {
    double elapsed =
        std::chrono::duration<double>(Clock::now() - firstEnd).count();
    out += "  " +
           durationText(elapsed / double(measured) *
                        double(steps - metrics.step)) +
           " left";
  }
  return out;
}

void Progress::step(const StepMetrics &metrics, double share) {
  auto now = Clock::now();
  bool first = firstStep == 0;
  if (first) {
    firstStep = metrics.step;
    firstEnd = now;
  }
  double since = std::chrono::duration<double>(now - lastShown).count();
  bool edge = first || metrics.step == steps;
  if (!edge && since < (terminal ? 0.1 : 5.0))
    return;
  lastShown = now;
  std::string shown = text(metrics, share);
  if (!terminal) {
    line(shown);
    return;
  }
  // A line that wraps would be drawn below itself, and a full one wraps too.
  int most = std::max(terminalColumns(STDERR_FILENO) - 1, 1);
  int width = std::min(std::max(drawn, static_cast<int>(shown.size())), most);
  std::fprintf(stderr, "\r%-*.*s", width, width, shown.c_str());
  std::fflush(stderr);
  drawn = std::min(static_cast<int>(shown.size()), width);
}

void Progress::line(const std::string &text) {
  finish();
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
}

void Progress::finish() {
  if (drawn != 0)
    std::fputc('\n', stderr);
  drawn = 0;
}
