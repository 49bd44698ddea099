//===- ExecutableTest.cpp - The toy, linked as the compiler links ---------===//

#include "TestFiles.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace mixln::rt;
namespace fs = std::filesystem;

static std::string outputOf(const std::string &command) {
  std::string out;
  FILE *pipe = popen(command.c_str(), "r");
  char buffer[256];
  while (size_t got = std::fread(buffer, 1, sizeof buffer, pipe))
    out.append(buffer, got);
  pclose(pipe);
  return out;
}

TEST(Executable, NeedsTheCLibraryOnly) {
  std::string needed = outputOf("readelf -d " MIXLN_TOY_EXECUTABLE
                                " | sed -n 's/.*NEEDED.*\\[\\(.*\\)\\]/\\1/p'");
  std::istringstream lines(needed);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    EXPECT_TRUE(line.starts_with("libc.so") || line.starts_with("libm.so") ||
                line.starts_with("ld-linux"))
        << line;
  EXPECT_GT(count, 0);
}

TEST(Executable, Info) {
  EXPECT_NE(
      outputOf(MIXLN_TOY_EXECUTABLE " info --json").find("\"parameters\":4160"),
      std::string::npos);
}

TEST(Executable, OutputThatIsLostIsAnError) {
  TestFolder folder;
  std::string errors = folder / "errors";
  int status = std::system(
      (MIXLN_TOY_EXECUTABLE " info > /dev/full 2> " + errors).c_str());
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_NE(readText(errors).find("cannot write standard output: no space"),
            std::string::npos)
      << readText(errors);
}

TEST(Executable, ThreadsThatTheSystemHasNot) {
#ifdef MIXLN_SANITIZED
  GTEST_SKIP() << "a sanitizer needs all of the address space";
#endif
  TestFolder folder;
  writeText(folder / "t.model", tinyTokenizer());
  writeText(folder / "data.jsonl", learnableText(1000));
  std::string errors = folder / "errors";
  for (const char *flag : {"--threads", "--workers"}) {
    // Room for the stacks of some hundred.
    std::string command =
        "ulimit -v 1000000; exec " MIXLN_TOY_EXECUTABLE " train --data " +
        (folder / "data.jsonl") + " --tokenizer " + (folder / "t.model") +
        " --save_dir " + (folder / "run") +
        " --num_training_steps 1 --total_batch_size 1000 " + flag +
        " 1000 2> " + errors;
    int status = std::system(command.c_str());
    ASSERT_TRUE(WIFEXITED(status)) << readText(errors);
    EXPECT_EQ(WEXITSTATUS(status), 1) << readText(errors);
    for (std::string part :
         {std::string("cannot start "), std::string("give a smaller ") + flag})
      EXPECT_NE(readText(errors).find(part), std::string::npos)
          << readText(errors);
    EXPECT_FALSE(fs::exists(folder / "run"));
  }
}

static pid_t start(std::vector<std::string> arguments) {
  pid_t child = fork();
  if (child != 0)
    return child;
  int null = open("/dev/null", O_WRONLY);
  dup2(null, 1);
  dup2(null, 2);
  arguments.insert(arguments.begin(), MIXLN_TOY_EXECUTABLE);
  std::vector<char *> pointers;
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(MIXLN_TOY_EXECUTABLE, pointers.data());
  _exit(127);
}

TEST(Executable, SignalsSaveAndExit75) {
  for (int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    TestFolder folder;
    writeText(folder / "t.model", tinyTokenizer());
    writeText(folder / "data.jsonl", learnableText(100));
    pid_t child =
        start({"train", "--data", folder / "data.jsonl", "--tokenizer",
               folder / "t.model", "--save_dir", folder / "run",
               "--num_training_steps", "100M", "--threads", "1"});
    for (int i = 0; i < 200 && readText(folder / "run/metrics.jsonl").empty();
         ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    kill(child, signal);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 75);
    int models = 0;
    for (const auto &entry : fs::directory_iterator(folder / "run"))
      if (entry.path().filename().string().starts_with("model_")) {
        ++models;
        EXPECT_TRUE(fs::exists(entry.path() / "model.safetensors"));
      }
    EXPECT_EQ(models, 1);
  }
}
