//===- ResumeTest.cpp - Runs that are interrupted and go on ---------------===//

#include "ToyRun.h"
#include "checkpoint/Safetensors.h"
#include "data/Files.h"
#include "data/Tokenizer.h"
#include "support/Hash.h"
#include "train/TrainingState.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::json;
namespace fs = std::filesystem;

static void edit(const std::string &path,
                 const std::function<void(json &)> &change) {
  json value = json::parse(readText(path));
  change(value);
  writeText(path, value.dump());
}

static bool has(const CommandResult &result, const std::string &part) {
  return result.errors.find(part) != std::string::npos;
}

/// As if the run had been killed after its update 30, with model_10 saved.
static void cutBack(const ToyRun &run) {
  fs::remove_all(run.folder / "run/model_20");
  fs::remove_all(run.folder / "run/model_30");
  std::string metrics = readText(run.folder / "run/metrics.jsonl");
  writeText(run.folder / "run/metrics.jsonl", metrics + "{\"step\": 31, \"lo");
}

TEST(Resume, SameBitsAndEveryStepOnce) {
  for (const char *packing : {"pad", "concat"}) {
    ToyRun run;
    run.flags.insert(run.flags.end(),
                     {"--save_every", "10", "--packing", packing, "--eval_data",
                      run.folder / "data.json.gz", "--eval_every", "10",
                      "--eval_tokens", "300", "--shuffle_window", "64",
                      "--total_batch_size", "8", "--spike_zscore", "2"});
    ASSERT_EQ(run.train().status, 0);
    std::string metrics = run.timelessMetrics(), model = run.model(30);
    std::string moments =
        readText(run.folder / "run/model_30/optimizer.safetensors");
    EXPECT_EQ(run.metrics().size(), 33u);
    cutBack(run);
    CommandResult result = run.train({"--resume", "--threads", "3"});
    ASSERT_EQ(result.status, 0) << result.errors;
    EXPECT_TRUE(has(result, "model_10 after update 10")) << result.errors;
    EXPECT_TRUE(has(result, "changed: --threads was 2, is 3"));
    EXPECT_EQ(run.timelessMetrics(), metrics);
    EXPECT_EQ(run.model(30), model);
    EXPECT_EQ(readText(run.folder / "run/model_30/optimizer.safetensors"),
              moments);
    json info = json::parse(readText(run.folder / "run/run.json"));
    EXPECT_EQ(info["resumed"][0]["step"], 10);

    // Once more: it is complete.
    result = run.train({"--resume"});
    EXPECT_EQ(result.status, 0);
    EXPECT_TRUE(has(result, "update 30 of 30 is done already"));
    EXPECT_EQ(run.timelessMetrics(), metrics);
  }
}

TEST(Resume, KilledAtRandomMoments) {
  ToyRun run;
  std::vector<std::string> more = {"--num_training_steps",
                                   "400",
                                   "--threads",
                                   "1",
                                   "--save_every",
                                   "40",
                                   "--keep_last",
                                   "2",
                                   "--eval_data",
                                   run.folder / "data.json.gz",
                                   "--eval_every",
                                   "90",
                                   "--eval_tokens",
                                   "200",
                                   "--shuffle_window",
                                   "60",
                                   "--total_batch_size",
                                   "12"};
  run.flags.insert(run.flags.end(), more.begin(), more.end());
  auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(run.train({"--save_dir", run.folder / "whole"}).status, 0);
  auto whole = std::chrono::steady_clock::now() - start;
  std::mt19937 random(std::random_device{}());
  // However fast the machine is, a third of the run at a time does not end it.
  std::uniform_int_distribution<int64_t> delay(
      1, std::chrono::nanoseconds(whole).count() / 3);
  int kills = 0;
  for (int i = 0; i < 6; ++i) {
    pid_t child =
        run.start({"--resume", "--threads", std::to_string(1 + i % 2)});
    std::this_thread::sleep_for(std::chrono::nanoseconds(delay(random)));
    kill(child, SIGKILL);
    kills += ToyRun::wait(child) == -SIGKILL;
  }
  EXPECT_GT(kills, 0);
  ASSERT_EQ(ToyRun::wait(run.start({"--resume"})), 0) << run.log();
  EXPECT_EQ(run.timelessMetrics(), run.timelessMetrics("whole")) << run.log();
  EXPECT_EQ(run.model(400), run.model(400, "whole"));
  int models = 0;
  for (const auto &entry : fs::directory_iterator(run.folder / "run")) {
    std::string name = entry.path().filename();
    models += name.starts_with("model_");
    EXPECT_FALSE(name.ends_with(".tmp") || name.ends_with(".old")) << name;
  }
  EXPECT_EQ(models, 2);
}

TEST(Resume, KilledInAnEvaluation) {
  ToyRun run;
  writeText(run.folder / "long.jsonl", learnableText(8000));
  run.flags.insert(run.flags.end(),
                   {"--threads", "1", "--save_every", "20", "--eval_every",
                    "20", "--eval_data", run.folder / "long.jsonl"});
  ASSERT_EQ(run.train({"--save_dir", run.folder / "whole"}).status, 0);
  // In the middle, and after the last update.
  for (int step : {20, 30}) {
    pid_t child = run.start({"--resume"});
    EXPECT_TRUE(run.appears("model_" + std::to_string(step))) << run.log();
    kill(child, SIGKILL);
    EXPECT_EQ(ToyRun::wait(child), -SIGKILL) << run.log();
    for (const json &line : run.metrics())
      EXPECT_FALSE(line["step"] == step && line.contains("eval_loss"))
          << "evaluated before it was saved";
  }
  ASSERT_EQ(ToyRun::wait(run.start({"--resume"})), 0) << run.log();
  EXPECT_EQ(run.timelessMetrics(), run.timelessMetrics("whole"));
  EXPECT_EQ(run.model(30), run.model(30, "whole"));
}

TEST(Resume, AFolderThatAnotherProcessTrainsIn) {
  ToyRun run;
  pid_t child = run.start({"--num_training_steps", "100M", "--threads", "1"});
  EXPECT_TRUE(run.appears("metrics.jsonl")) << run.log();
  CommandResult result = run.train({"--resume"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(has(result, "another process trains in " + (run.folder / "run")))
      << result.errors;
  kill(child, SIGKILL);
  EXPECT_EQ(ToyRun::wait(child), -SIGKILL) << run.log();
  result = run.train({"--resume"});
  EXPECT_EQ(result.status, 0) << result.errors;
}

TEST(Resume, IdsAreTheSameWithAnyTokenizer) {
  ToyRun run;
  std::string ids;
  for (int i = 0; i < 4000; ++i)
    ids += {static_cast<char>(i * 7 % 64), '\0'};
  writeText(run.folder / "ids.bin", ids);
  run.flags.erase(run.flags.begin() + 3, run.flags.begin() + 5);
  run.flags.insert(run.flags.end(),
                   {"--data", run.folder / "ids.bin", "--raw", "uint16",
                    "--packing", "concat", "--save_every", "10"});
  ASSERT_EQ(run.train().status, 0);
  std::string metrics = run.timelessMetrics();
  std::string tokenizer = run.folder / "t.model";
  auto resume = [&] {
    CommandResult result = run.train({"--resume", "--tokenizer", tokenizer});
    EXPECT_EQ(result.status, 0) << result.errors;
    EXPECT_TRUE(has(result, "model_10 after update 10")) << result.errors;
    EXPECT_FALSE(has(result, "from their beginning")) << result.errors;
    EXPECT_EQ(run.timelessMetrics(), metrics);
  };
  cutBack(run);
  resume();
  // What older versions wrote, with the tokenizer's hash.
  cutBack(run);
  std::string key = dataFingerprint({run.folder / "ids.bin"}) + " " +
                    Tokenizer(tokenizer).hash() + " 16 concat 16 32 8192";
  edit(run.folder / "run/model_10/training_state.json", [&](json &state) {
    state["data"]["key"] = hexHash(hashBytes(key.data(), key.size()));
  });
  resume();
}

TEST(Resume, MetricsThatCannotBeReadAreLeftAlone) {
  ToyRun run;
  ASSERT_EQ(run.train({"--save_every", "10"}).status, 0);
  fs::remove_all(run.folder / "run/model_30");
  std::string path = run.folder / "run/metrics.jsonl";
  fs::remove(path);
  // Opens, and cannot be read where it begins.
  fs::create_symlink("/proc/self/mem", path);
  CommandResult result = run.train({"--resume"});
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(has(result, "cannot read " + path)) << result.errors;
  EXPECT_TRUE(fs::is_symlink(path));
}

TEST(Resume, StoppedBySignalsAndContinued) {
  ToyRun run;
  run.flags.insert(run.flags.end(),
                   {"--num_training_steps", "3000", "--threads", "1",
                    "--eval_data", run.folder / "data.json.gz", "--eval_every",
                    "1000"});
  auto start = std::chrono::steady_clock::now();
  ASSERT_EQ(run.train({"--save_dir", run.folder / "whole"}).status, 0);
  auto whole = std::chrono::steady_clock::now() - start;
  for (int signal : {SIGTERM, SIGUSR1}) {
    pid_t child = run.start({"--resume"});
    std::this_thread::sleep_for(whole / 3);
    kill(child, signal);
    int status = ToyRun::wait(child);
    EXPECT_TRUE(status == 75 || status == -signal) << status << run.log();
  }
  ASSERT_EQ(ToyRun::wait(run.start({"--resume"})), 0) << run.log();
  EXPECT_EQ(run.timelessMetrics(), run.timelessMetrics("whole"));
  EXPECT_EQ(run.model(3000), run.model(3000, "whole"));
}

TEST(Resume, FullDiskLosesNothingWhole) {
  ToyRun run;
  run.flags.insert(run.flags.end(), {"--num_training_steps", "400",
                                     "--save_every", "20", "--threads", "1"});
  ASSERT_EQ(run.train({"--save_dir", run.folder / "whole"}).status, 0);
  pid_t child = run.start();
  for (int i = 0; i < 15000 && !fs::exists(run.folder / "run/model_40"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  rlimit limit{13'000, 13'000}; // no file may grow beyond: as if full
  prlimit(child, RLIMIT_FSIZE, &limit, nullptr);
  EXPECT_EQ(ToyRun::wait(child), 1);
  EXPECT_NE(run.log().find("cannot write"), std::string::npos) << run.log();
  EXPECT_TRUE(fs::exists(run.folder / "run/model_40/model.safetensors"));
  CommandResult result = run.train({"--resume"});
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(run.timelessMetrics(), run.timelessMetrics("whole"));
  EXPECT_EQ(run.model(400), run.model(400, "whole"));
}

TEST(Resume, BeginsWhereThereIsNothing) {
  ToyRun run;
  CommandResult result =
      run.train({"--resume", "--keep_last", "1", "--save_every", "10"});
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_TRUE(has(result, "no whole checkpoint in"));
  EXPECT_EQ(run.metrics().size(), 30u);
  EXPECT_FALSE(fs::exists(run.folder / "run/model_20"));
  EXPECT_TRUE(fs::exists(run.folder / "run/model_30"));
}

TEST(Resume, ADamagedCheckpointIsPassedOver) {
  ToyRun run;
  ASSERT_EQ(run.train({"--save_every", "10"}).status, 0);
  std::string metrics = run.timelessMetrics(), model = run.model(30);
  std::string path = run.folder / "run/model_30/optimizer.safetensors";
  writeText(path, readText(path).substr(0, 5000));
  CommandResult result = run.train({"--save_every", "10", "--resume"});
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_TRUE(has(result, "passed over")) << result.errors;
  EXPECT_TRUE(has(result, "model_20 after update 20"));
  EXPECT_EQ(run.timelessMetrics(), metrics);
  EXPECT_EQ(run.model(30), model);
}

TEST(Resume, LeftoversOfAKilledSaveArePutRight) {
  ToyRun run;
  ASSERT_EQ(run.train({"--save_every", "10"}).status, 0);
  std::string model = run.model(30);
  fs::rename(run.folder / "run/model_30", run.folder / "run/model_30.old");
  fs::create_directories(run.folder / "run/model_30.tmp");
  fs::create_directories(run.folder / "run/model_10.removed");
  // Of somebody else.
  const char *const others[] = {"model_notes.old", "model_best.tmp",
                                "model_7.backup.old"};
  for (std::string name : others)
    fs::create_directories(run.folder / ("run/" + name));
  writeText(run.folder / "run/model_5.tmp", "a file");
  ASSERT_EQ(run.train({"--save_every", "10", "--resume"}).status, 0);
  EXPECT_EQ(run.model(30), model);
  EXPECT_FALSE(fs::exists(run.folder / "run/model_30.tmp"));
  EXPECT_FALSE(fs::exists(run.folder / "run/model_10.removed"));
  for (std::string name : others)
    EXPECT_TRUE(fs::exists(run.folder / ("run/" + name))) << name;
  EXPECT_EQ(readText(run.folder / "run/model_5.tmp"), "a file");
}

TEST(Resume, SaysWhatChanged) {
  ToyRun run;
  ASSERT_EQ(run.train({"--save_every", "10"}).status, 0);
  cutBack(run);
  edit(run.folder / "run/model_10/training_state.json",
       [](json &state) { state["executable"] = "0123456789abcdef"; });
  CommandResult result = run.train(
      {"--resume", "--lr", "0.01", "--data_seed", "7", "--save_every", "10"});
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_TRUE(has(result, "changed: --lr was 0.05, is 0.01"));
  EXPECT_TRUE(has(result, "changed: --data_seed was 32, is 7"));
  EXPECT_TRUE(has(result, "another executable wrote the checkpoint"));
  EXPECT_TRUE(has(result, "read from their beginning"));
  EXPECT_FALSE(has(result, "--save_every was"));
}

TEST(Resume, ContinueFromAnotherFolder) {
  ToyRun run;
  ASSERT_EQ(run.train({"--save_every", "10"}).status, 0);
  for (const char *from : {"run/model_10", "run"}) {
    std::string to = std::string("from_") + (from[3] ? "model" : "run");
    if (!from[3])
      fs::remove_all(run.folder / "run/model_30");
    CommandResult result =
        run.train({"--save_dir", run.folder / to, "--save_every", "10",
                   "--continue_from", run.folder / from});
    ASSERT_EQ(result.status, 0) << result.errors;
    EXPECT_EQ(run.metrics(to)[0]["step"], from[3] ? 11 : 21);
    EXPECT_EQ(run.model(30, to), run.model(30, "from_model"));
  }
  EXPECT_EQ(run.metrics("from_model").back()["loss"],
            run.metrics().back()["loss"]);
}

TEST(Resume, ACheckpointOfFormat1) {
  // Written when the format was new, as the last test of this file does.
  std::string old =
      std::string(MIXLN_SOURCE_DIR) + "/test/Unit/Runtime/checkpoint-format-1";
  ToyRun run;
  std::vector<std::string> all = run.flags;
  writeText(run.folder / "d.jsonl", learnableText(200));
  all.insert(all.end(), {"--continue_from", old, "--num_training_steps", "8",
                         "--data", run.folder / "d.jsonl"});
  CommandResult result = runToy(all, 4, 16, 32);
  ASSERT_EQ(result.status, 0) << result.errors;
  std::vector<json> lines = run.metrics();
  EXPECT_FALSE(has(result, "from their beginning")) << result.errors;
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["step"], 7);
  json expected = json::parse(readText(old + "/expected.json"));
  EXPECT_NEAR(lines[0]["loss"].get<double>(), expected["loss"][0], 1e-5);
  EXPECT_NEAR(lines[1]["loss"].get<double>(), expected["loss"][1], 1e-5);
  EXPECT_EQ(lines[1]["tokens"], expected["tokens"]);
}

TEST(Resume, BadInputTouchesNothing) {
  struct Case {
    std::function<void(const std::string &checkpoint)> damage;
    std::vector<std::string> flags;
    const char *part;
  };
  auto state = [](std::function<void(json &)> change) {
    return [change](const std::string &checkpoint) {
      edit(checkpoint + "/training_state.json", change);
    };
  };
  auto nothing = [](const std::string &) {};
  ToyRun made;
  ASSERT_EQ(made.train({"--num_training_steps", "4"}).status, 0);
  const Case cases[] = {
      {nothing, {"--save_dir", made.folder / "run"}, "already holds a run"},
      {nothing, {"--continue_from", "/no/such"}, "is not a folder"},
      {nothing,
       {"--continue_from", made.folder.path},
       "has no training_state.json"},
      {nothing, {"--weights", made.folder / "c"}, "exclude each other"},
      {state([](json &s) { s["format"] = 2; }), {}, "has format 2, expected 1"},
      {state([](json &s) { s["step"] = -1; }), {}, "step is -1"},
      {state([](json &s) { s.erase("data"); }), {}, "is not a training state"},
      {state([](json &s) { s["data"]["file"] = "x"; }), {}, "file is \"x\""},
      {[](const std::string &c) { writeText(c + "/training_state.json", "{"); },
       {},
       "is not a JSON object"},
      {[](const std::string &c) {
         edit(c + "/config.json", [](json &v) { v["norm_type"] = "post"; });
       },
       {},
       "checkpoint of another model: its config.json has norm_type \"post\""},
      {[](const std::string &c) {
         fs::copy_file(c + "/model.safetensors", c + "/optimizer.safetensors",
                       fs::copy_options::overwrite_existing);
       },
       {},
       "has no tensor adam_m."},
      {[](const std::string &c) { fs::remove(c + "/optimizer.safetensors"); },
       {},
       "optimizer.safetensors"},
  };
  for (const Case &c : cases) {
    std::string checkpoint = made.folder / "c", other = made.folder / "other";
    fs::remove_all(checkpoint);
    fs::remove_all(other);
    fs::copy(made.folder / "run/model_4", checkpoint);
    c.damage(checkpoint);
    std::string before = made.timelessMetrics(), model = made.model(4);
    std::vector<std::string> flags = {"--save_dir", other, "--continue_from",
                                      checkpoint};
    flags.insert(flags.end(), c.flags.begin(), c.flags.end());
    CommandResult result = made.train(flags);
    EXPECT_EQ(result.status, 2) << c.part << result.errors;
    EXPECT_TRUE(has(result, c.part)) << c.part << "\n" << result.errors;
    EXPECT_FALSE(fs::exists(other + "/metrics.jsonl")) << c.part;
    EXPECT_EQ(made.timelessMetrics(), before);
    EXPECT_EQ(made.model(4), model);
  }
  // Another program in the same folder.
  std::vector<std::string> flags = made.flags;
  flags.push_back("--resume");
  CommandResult result = runToy(flags, 4, 16, 70);
  EXPECT_EQ(result.status, 2);
  EXPECT_TRUE(has(result, "checkpoint of another model: its config.json has "
                          "vocab_size 64, this executable 70"))
      << result.errors;
  EXPECT_EQ(made.metrics().size(), 4u);
}

TEST(Resume, SkippedUpdatesAreNotApplied) {
  ToyRun run;
  std::string text = learnableText(160);
  std::string odd;
  for (int i = 0; i < 4; ++i)
    odd += jsonLines({"zqzqzqzqzqzqzqzqz"});
  writeText(run.folder / "d.jsonl", text + odd + learnableText(40));
  run.flags.insert(run.flags.end(),
                   {"--data", run.folder / "d.jsonl", "--no_shuffle",
                    "--scheduler", "constant", "--warmup_steps", "0",
                    "--threads", "1", "--resume"});
  for (const char *steps : {"40", "41", "42"}) {
    CommandResult result =
        run.train({"--spike_zscore", "4", "--num_training_steps", steps});
    ASSERT_EQ(result.status, 0) << result.errors;
    EXPECT_EQ(has(result, "is an outlier"), std::string(steps) == "41");
  }
  auto lines = run.metrics();
  ASSERT_EQ(lines.size(), 42u);
  EXPECT_TRUE(lines[40]["skipped"] == "loss" ||
              lines[40]["skipped"] == "grad_norm");
  EXPECT_EQ(run.model(41), run.model(40));
  EXPECT_NE(run.model(42), run.model(41));
  EXPECT_EQ(readTrainingState(run.folder / "run/model_42").applied, 41);
  ASSERT_EQ(
      run.train({"--save_dir", run.folder / "all", "--continue_from",
                 run.folder / "run/model_40", "--num_training_steps", "41"})
          .status,
      0);
  EXPECT_NE(run.model(41, "all"), run.model(41));
}

/// How test/Unit/Runtime/checkpoint-format-1 was made.
TEST(Resume, DISABLED_WriteACheckpointOfThisFormat) {
  ToyRun run;
  std::vector<std::string> all = run.flags;
  writeText(run.folder / "d.jsonl", learnableText(200));
  all.insert(all.end(), {"--num_training_steps", "8", "--save_every", "6",
                         "--data", run.folder / "d.jsonl"});
  ASSERT_EQ(runToy(all, 4, 16, 32).status, 0);
  fs::copy(run.folder / "run/model_6",
           fs::temp_directory_path() / "checkpoint-format");
  auto lines = run.metrics();
  json expected = {{"loss", {lines[6]["loss"], lines[7]["loss"]}},
                   {"tokens", lines[7]["tokens"]}};
  writeText(fs::temp_directory_path() / "checkpoint-format/expected.json",
            expected.dump() + "\n");
}
