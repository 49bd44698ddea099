//===- Runner.cpp - Runs one after another, or some at a time -------------===//

#include "mixln/Sweep/Runner.h"
#include "Child.h"
#include "TimeLeft.h"
#include "mixln/Sweep/State.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <set>
#include <sys/wait.h>
#include <thread>

using namespace mixln::sweep;
namespace fs = std::filesystem;

namespace {

/// A run that is under way: its commands one after another.
struct Job {
  const RunPlan *run;
  size_t number; ///< from 1
  std::deque<Command> commands;
  pid_t child = -1;
};

class Runner {
public:
  Runner(const Sweep &sweep, const RunnerOptions &options)
      : sweep(sweep), options(options), timeLeft(options.jobs) {}

  RunnerResult run();

private:
  std::string folder(const Job &job) const { return folderOf(sweep, *job.run); }
  void collectPending();
  void compileSteps();
  static void waitFor(pid_t child);
  void begin(Job job);
  void startNext(Job &job);
  void reap();
  void ended(Job &job, int status);
  void stopAll(int signal);
  void showProgress();
  void say(const std::string &text);
  void fail(const Job &job, const std::string &why);

  const Sweep &sweep;
  const RunnerOptions &options;
  TimeLeft timeLeft;
  RunnerResult result;
  std::deque<Job> pending;
  std::vector<Job> running;
};

} // namespace

void Runner::say(const std::string &text) {
  timeLeft.clearLine();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void Runner::fail(const Job &job, const std::string &why) {
  result.failures.push_back(job.run->name + ": " + why);
  say(job.run->name + " failed: " + why);
}

/// What is left to do: trainings that are not at their end, and what comes
/// after those that are.
void Runner::collectPending() {
  for (size_t i = 0; i < sweep.runs.size(); ++i) {
    Job job{&sweep.runs[i], i + 1, {}};
    State state = stateOf(folder(job));
    if (state.progress == Progress::Diverged) {
      say(job.run->name + ": " + describe(state));
      continue;
    }
    if (state.progress != Progress::Done) {
      Command train = trainCommand(options.trainer, sweep, *job.run);
      if (options.threads > 0 && !findFlag(job.run->flags, "threads"))
        train.words.insert(train.words.end(),
                           {"--threads", std::to_string(options.threads)});
      job.commands.push_back(std::move(train));
      timeLeft.expect(job.run->name, state.step, job.run->steps);
    }
    std::error_code code;
    for (Command &command : commandsAfter(sweep, *job.run))
      if (state.progress != Progress::Done || !fs::exists(command.output, code))
        job.commands.push_back(std::move(command));
    if (!job.commands.empty())
      pending.push_back(std::move(job));
    else
      say(job.run->name + ": " + describe(state));
  }
}

/// Every distinct step once, before runs that share it begin side by side.
void Runner::compileSteps() {
  std::set<std::string> steps;
  std::vector<const Job *> first;
  for (const Job &job : pending)
    if (job.commands.front().what == "training" &&
        steps.insert(compiledStep(*job.run)).second)
      first.push_back(&job);
  for (size_t i = 0; i < first.size() && !stopSignal(); ++i) {
    const Job &job = *first[i];
    std::error_code code;
    fs::create_directories(folder(job), code);
    Command compile = job.commands.front();
    compile.words.push_back("--compile_only");
    std::string log = folder(job) + "/log.txt", error;
    timeLeft.show("compiling step " + std::to_string(i + 1) + " of " +
                  std::to_string(first.size()));
    // What is wrong with it, the run itself will say.
    if (pid_t child = start(compile, log, error); child > 0)
      waitFor(child);
  }
}

/// Waits for one child, passing on a signal.
void Runner::waitFor(pid_t child) {
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    kill(child, SIGTERM);
}

void Runner::startNext(Job &job) {
  std::string error;
  job.child = start(job.commands.front(), folder(job) + "/log.txt", error);
  if (job.child < 0)
    fail(job, error);
}

void Runner::begin(Job job) {
  std::error_code code;
  fs::create_directories(folder(job), code);
  say("[" + std::to_string(job.number) + "/" +
      std::to_string(sweep.runs.size()) + "] " + job.run->name + ": " +
      job.commands.front().what);
  timeLeft.begin(job.run->name);
  startNext(job);
  if (job.child > 0)
    running.push_back(std::move(job));
}

void Runner::ended(Job &job, int status) {
  Command command = std::move(job.commands.front());
  job.commands.pop_front();
  job.child = -1;
  constexpr int kStopped = 75;
  int exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (exit == kStopped || (exit != 0 && stopSignal())) {
    job.commands.clear();
    // Someone stopped this run alone: it is not at its end.
    if (!stopSignal())
      fail(job, "was stopped; the same command continues it");
    return;
  }
  State state = stateOf(folder(job));
  if (command.what == "training")
    timeLeft.end(job.run->name, state.step);
  if (exit == 0) {
    if (command.takesOutput)
      fs::rename(command.output + ".part", command.output);
    if (command.what == "training")
      say(job.run->name + ": " + describe(state));
    if (!job.commands.empty())
      startNext(job);
    return;
  }
  job.commands.clear();
  if (command.what == "training" && state.progress == Progress::Diverged) {
    say(job.run->name + ": " + describe(state));
    return;
  }
  std::string how = exit >= 0 ? "exit status " + std::to_string(exit)
                              : "signal " + std::to_string(WTERMSIG(status));
  fail(job,
       command.what + ": " + how + ": " + lastLine(folder(job) + "/log.txt"));
}

void Runner::reap() {
  for (size_t i = 0; i < running.size();) {
    int status = 0;
    pid_t done = waitpid(running[i].child, &status, WNOHANG);
    if (done == running[i].child)
      ended(running[i], status);
    if (running[i].child > 0)
      ++i;
    else
      running.erase(running.begin() + static_cast<long>(i));
  }
}

void Runner::stopAll(int signal) {
  for (const Job &job : running)
    kill(job.child, signal);
}

void Runner::showProgress() {
  for (const Job &job : running)
    if (job.commands.front().what == "training")
      timeLeft.at(job.run->name, lastStepOf(folder(job)));
  timeLeft.show("");
}

RunnerResult Runner::run() {
  using Clock = std::chrono::steady_clock;
  catchStop();
  collectPending();
  compileSteps();
  bool told = false;
  Clock::time_point shown = Clock::now();
  while ((!pending.empty() && !stopSignal()) || !running.empty()) {
    while (!stopSignal() && !pending.empty() &&
           running.size() < static_cast<size_t>(options.jobs)) {
      Job job = std::move(pending.front());
      pending.pop_front();
      begin(std::move(job));
    }
    if (stopSignal() && !told) {
      told = true;
      say("stopping: the runs save what they have");
      stopAll(SIGTERM);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    reap();
    if (Clock::now() - shown > std::chrono::seconds(1)) {
      shown = Clock::now();
      showProgress();
    }
  }
  timeLeft.clearLine();
  result.stopped = stopSignal() != 0;
  return result;
}

RunnerResult mixln::sweep::runAll(const Sweep &sweep,
                                  const RunnerOptions &options) {
  return Runner(sweep, options).run();
}
