//===- TimeLeft.cpp -------------------------------------------------------===//

#include "TimeLeft.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <unistd.h>

using namespace mixln::sweep;

TimeLeft::TimeLeft(int jobs)
    : jobs(jobs), terminal(isatty(STDERR_FILENO) != 0) {}

void TimeLeft::expect(const std::string &run, double step, double steps) {
  Run &entry = runs[run];
  entry.firstStep = entry.step = step;
  entry.steps = steps;
}

void TimeLeft::begin(const std::string &run) {
  if (auto found = runs.find(run); found != runs.end()) {
    found->second.running = true;
    found->second.began = found->second.seen = Clock::now();
  }
}

void TimeLeft::at(const std::string &run, double step) {
  auto found = runs.find(run);
  if (found == runs.end() || step <= found->second.step)
    return;
  found->second.step = step;
  found->second.seen = Clock::now();
}

void TimeLeft::end(const std::string &run, double step) {
  at(run, step);
  if (auto found = runs.find(run); found != runs.end()) {
    found->second.running = false;
    found->second.ended = true;
  }
}

double TimeLeft::seconds() const {
  double made = 0, left = 0, spent = 0;
  for (auto &[name, run] : runs) {
    made += run.step - run.firstStep;
    spent += std::chrono::duration<double>(run.seen - run.began).count();
    if (!run.ended)
      left += std::max(0.0, run.steps - run.step);
  }
  return made > 0 ? left * spent / made / jobs : -1;
}

std::string mixln::sweep::durationText(double seconds) {
  auto whole = static_cast<int64_t>(seconds + 0.5);
  char text[64];
  if (whole >= 3600)
    std::snprintf(text, sizeof text, "%lld h %lld min",
                  static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole / 60 % 60));
  else if (whole >= 60)
    std::snprintf(text, sizeof text, "%lld min %lld s",
                  static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  else
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(whole));
  return text;
}

void TimeLeft::show(const std::string &text) {
  if (!terminal)
    return;
  std::string line = text;
  if (line.empty()) {
    double made = 0, all = 0;
    for (auto &[name, run] : runs) {
      made += run.step;
      all += run.steps;
      if (run.running)
        line += name + " " + std::to_string(static_cast<int64_t>(run.step)) +
                "/" + std::to_string(static_cast<int64_t>(run.steps)) + "  ";
    }
    char share[48];
    std::snprintf(share, sizeof share, "%.0f %% of all updates",
                  all > 0 ? 100 * made / all : 0.0);
    line += share;
    if (double left = seconds(); left >= 0)
      line += ", " + durationText(left) + " left";
  }
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  shown = true;
}

void TimeLeft::clearLine() {
  if (shown)
    std::fputs("\r\033[K", stderr);
  shown = false;
}
