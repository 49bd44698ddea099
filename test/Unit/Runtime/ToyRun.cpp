//===- ToyRun.cpp ---------------------------------------------------------===//

#include "ToyRun.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <sstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::json;

ToyRun::ToyRun() {
  writeText(folder / "t.model", tinyTokenizer());
  writeText(folder / "data.json.gz", gzip(learnableText(200)));
  flags = {"train",
           "--data",
           folder / "data.json.gz",
           "--tokenizer",
           folder / "t.model",
           "--save_dir",
           folder / "run",
           "--lr",
           "0.05",
           "--num_training_steps",
           "30",
           "--warmup_steps",
           "5",
           "--threads",
           "2"};
}

CommandResult ToyRun::train(const std::vector<std::string> &more) const {
  std::vector<std::string> all = flags;
  all.insert(all.end(), more.begin(), more.end());
  return runToy(all);
}

pid_t ToyRun::start(const std::vector<std::string> &more) const {
  std::vector<std::string> all = {MIXLN_TOY_EXECUTABLE};
  all.insert(all.end(), flags.begin(), flags.end());
  all.insert(all.end(), more.begin(), more.end());
  std::vector<char *> pointers;
  for (std::string &argument : all)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::string log = folder / "log";
  pid_t child = fork();
  if (child != 0)
    return child;
  int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  dup2(out, 1);
  dup2(out, 2);
  execv(MIXLN_TOY_EXECUTABLE, pointers.data());
  _exit(127);
}

bool ToyRun::appears(const std::string &name) const {
  for (int i = 0; i < 60000; ++i) {
    if (std::filesystem::exists(folder / ("run/" + name)))
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

int ToyRun::wait(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::vector<json> ToyRun::metrics(const std::string &run) const {
  std::vector<json> lines;
  std::istringstream in(readText(folder / (run + "/metrics.jsonl")));
  for (std::string line; std::getline(in, line);)
    lines.push_back(json::parse(line));
  return lines;
}

std::string ToyRun::timelessMetrics(const std::string &run) const {
  std::string text;
  for (json line : metrics(run)) {
    line.erase("step_seconds");
    line.erase("tokens_per_second");
    text += line.dump() + "\n";
  }
  return text;
}

std::string ToyRun::model(int64_t step, const std::string &run) const {
  return readText(
      folder / (run + "/model_" + std::to_string(step) + "/model.safetensors"));
}
