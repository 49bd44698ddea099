//===- CommandsTest.cpp - The command line's outer rim --------------------===//

#include "TestFiles.h"
#include "Toy.h"

#include <nlohmann/json.hpp>

using namespace mixln::rt;

TEST(Commands, UnknownAndIncomplete) {
  const std::tuple<std::vector<std::string>, int, const char *> cases[] = {
      {{}, 2, "usage:"},
      {{"trian"}, 2, "unknown command 'trian'; did you mean train?"},
      {{"xyzzy"}, 2, "unknown command 'xyzzy'; --help lists"},
      {{"batches", "--steps", "3"}, 2, "--data is required"},
      {{"batches", "--data", "x"}, 2, "--out is required"},
      {{"generate"}, 2, "one of --prompt, --prompt_file and --prompt_ids"},
      {{"layers"}, 2, "give one of --batch and --data"},
      {{"replay"}, 2, "--weights is required"},
      {{"eval"}, 2, "--weights is required"},
      {{"train"}, 2, "--save_dir is required"},
      {{"info", "--jsn"}, 2, "did you mean --json?"},
  };
  for (auto &[arguments, status, part] : cases) {
    CommandResult result = runToy(arguments);
    EXPECT_EQ(result.status, status) << part;
    EXPECT_NE(result.errors.find(part), std::string::npos) << result.errors;
  }
}

TEST(Commands, Help) {
  for (const char *command : {"train", "eval", "replay", "info"}) {
    CommandResult result = runToy({command, "--help"});
    EXPECT_EQ(result.status, 0);
    EXPECT_NE(result.output.find("--"), std::string::npos) << command;
  }
  CommandResult result = runToy({"--help"});
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("replay"), std::string::npos);
}

TEST(Commands, Info) {
  CommandResult result = runToy({"info", "--json"});
  ASSERT_EQ(result.status, 0) << result.errors;
  auto info = nlohmann::json::parse(result.output);
  EXPECT_EQ(info["parameters"], 64 * 64 + 64);
  EXPECT_EQ(info["kernels"], 5);
  EXPECT_EQ(info["dispatches"]["update"], 3);
  EXPECT_EQ(info["flops_per_token"], 384.0);
  EXPECT_GT(info["arena_bytes"], 0);
  for (const char *key : {"target", "dtype", "norm"})
    EXPECT_TRUE(info[key].is_string());
  EXPECT_EQ(runToy({"info"}).status, 0);
}

TEST(Commands, CpuThatLacksAFeature) {
  Program program = toy::makeProgram(1, 4, 8);
  program.cpuFeatures.push_back("+avx4096");
  program.cpu = "future";
  CommandResult result = runProgram(program, {"replay", "--steps", "1"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("compiled for future; this CPU"),
            std::string::npos)
      << result.errors;
  EXPECT_NE(result.errors.find("lacks avx4096"), std::string::npos);
  EXPECT_EQ(runProgram(program, {"info"}).status, 0);
}
