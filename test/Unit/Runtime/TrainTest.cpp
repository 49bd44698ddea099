//===- TrainTest.cpp - Runs of the toy model ------------------------------===//

#include "TestFiles.h"
#include "Toy.h"
#include "ToyRun.h"
#include "checkpoint/Safetensors.h"

#include <cmath>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace mixln::rt;
using nlohmann::json;
namespace fs = std::filesystem;

TEST(Train, LossFallsAndMetricsAreComplete) {
  ToyRun run;
  CommandResult result = run.train(
      {"--total_batch_size", "8", "--eval_data", run.folder / "data.json.gz",
       "--eval_every", "10", "--eval_tokens", "500", "--save_every", "20"});
  ASSERT_EQ(result.status, 0) << result.errors;
  std::vector<json> steps, evaluations;
  for (const json &line : run.metrics())
    (line.contains("loss") ? steps : evaluations).push_back(line);
  ASSERT_EQ(steps.size(), 30u);
  ASSERT_EQ(evaluations.size(), 3u);
  EXPECT_NEAR(steps[0]["loss"].get<double>(), std::log(64), 0.1);
  EXPECT_LT(steps[29]["loss"].get<double>(), 2.6);
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(steps[i]["step"], i + 1);
    EXPECT_GT(steps[i]["grad_norm"].get<double>(), 0);
    EXPECT_GT(steps[i]["tokens_per_second"].get<double>(), 0);
    EXPECT_GT(steps[i]["step_seconds"].get<double>(), 0);
  }
  EXPECT_EQ(steps[0]["lr"], 0.0);
  EXPECT_EQ(steps[5]["lr"], 0.05);
  EXPECT_EQ(steps[0]["epoch"], 1);
  EXPECT_EQ(steps[29]["epoch"], 2); // 200 rows, 8 an update
  // Rows of 16 whose text is longer: 15 counted labels each.
  EXPECT_EQ(steps[0]["tokens"], 8 * 15);
  EXPECT_EQ(evaluations[0]["step"], 10);
  EXPECT_EQ(evaluations[0]["eval_id"], evaluations[2]["eval_id"]);
  EXPECT_EQ(evaluations[0]["eval_tokens"], 510);
  EXPECT_NEAR(evaluations[2]["eval_perplexity"].get<double>(),
              std::exp(evaluations[2]["eval_loss"].get<double>()), 1e-9);
  EXPECT_TRUE(fs::exists(run.folder / "run/model_20/model.safetensors"));
  EXPECT_TRUE(fs::exists(run.folder / "run/model_30/config.json"));
  EXPECT_TRUE(fs::exists(run.folder / "run/model_30/t.model"));
  json info = json::parse(readText(run.folder / "run/run.json"));
  EXPECT_EQ(info["flags"]["lr"], "0.05");
  EXPECT_EQ(info["flags"]["gradient_accumulation"], "2");
  EXPECT_TRUE(info["hashes"].contains("tokenizer"));
  EXPECT_NE(result.errors.find("step 30/30"), std::string::npos);

  // The checkpoint evaluates to what the run measured last.
  CommandResult eval =
      runToy({"eval", "--weights", run.folder / "run/model_30", "--data",
              run.folder / "data.json.gz", "--eval_tokens", "500"});
  ASSERT_EQ(eval.status, 0) << eval.errors;
  json line = json::parse(eval.output);
  EXPECT_EQ(line["eval_loss"], evaluations[2]["eval_loss"]);
  EXPECT_EQ(line["eval_id"], evaluations[2]["eval_id"]);
}

static std::string modelBytes(const ToyRun &run, int step) {
  return readText(run.folder /
                  ("run/model_" + std::to_string(step) + "/model.safetensors"));
}

TEST(Train, ThreadsChangeNothing) {
  std::string one;
  for (const char *threads : {"1", "2", "3"}) {
    ToyRun run;
    ASSERT_EQ(run.train({"--threads", threads}).status, 0);
    std::string bytes = modelBytes(run, 30);
    if (one.empty())
      one = bytes;
    EXPECT_EQ(bytes, one) << threads;
  }
}

TEST(Train, InitialCheckpointDependsOnTheSeedAlone) {
  ToyRun a, b, c, d;
  ASSERT_EQ(a.train({"--num_training_steps", "0"}).status, 0);
  ASSERT_EQ(b.train({"--num_training_steps", "0", "--threads", "1"}).status, 0);
  ASSERT_EQ(c.train({"--num_training_steps", "0", "--seed", "1"}).status, 0);
  EXPECT_EQ(modelBytes(a, 0), modelBytes(b, 0));
  EXPECT_NE(modelBytes(a, 0), modelBytes(c, 0));
  EXPECT_FALSE(fs::exists(a.folder / "run/metrics.jsonl"));
  // It is written whatever schedule would follow.
  for (const char *scheduler : {"wsd", "cosine_restarts"})
    EXPECT_EQ(a.train({"--num_training_steps", "0", "--scheduler", scheduler,
                       "--save_dir", a.folder / scheduler})
                  .status,
              0)
        << scheduler;
  // Training from it gives what training from scratch gives.
  ASSERT_EQ(b.train({"--save_dir", b.folder / "again", "--weights",
                     b.folder / "run/model_0"})
                .status,
            0);
  ASSERT_EQ(d.train().status, 0);
  EXPECT_EQ(readText(b.folder / "again/model_30/model.safetensors"),
            modelBytes(d, 30));
}

TEST(Train, AccumulationAndNormalization) {
  // Twice the same rows: the mean is the same however it is split, here also
  // when micro-batches are averaged, since all count the same labels.
  ToyRun total, micro;
  ASSERT_EQ(total.train({"--gradient_accumulation", "3"}).status, 0);
  ASSERT_EQ(micro
                .train({"--gradient_accumulation", "3", "--loss_normalization",
                        "micro_batch"})
                .status,
            0);
  auto a = total.metrics(), b = micro.metrics();
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(a[i]["loss"].get<double>(), b[i]["loss"].get<double>(), 1e-5);

  // Micro-batches of 60 and of 16 labels: the short one weighs as the long one.
  std::vector<std::string> texts;
  for (int i = 0; i < 240; ++i)
    texts.push_back(i / 4 % 3 == 0 ? "the cat sat on a mat" : "ran");
  auto lossesWith = [&](const char *normalization) {
    ToyRun run;
    writeText(run.folder / "d.jsonl", jsonLines(texts));
    EXPECT_EQ(run.train({"--data", run.folder / "d.jsonl", "--no_shuffle",
                         "--gradient_accumulation", "3", "--loss_normalization",
                         normalization})
                  .status,
              0);
    return run.metrics();
  };
  a = lossesWith("total"), b = lossesWith("micro_batch");
  ASSERT_EQ(a.size(), b.size());
  EXPECT_GT(std::abs(a[20]["loss"].get<double>() - b[20]["loss"].get<double>()),
            1e-2);
}

TEST(Train, CheckpointsBetweenTheOthers) {
  struct Case {
    const char *given;
    std::vector<int> saved;
    bool isSaid;
  };
  const Case cases[] = {{"2,3", {2, 3}, false},
                        {"4,8,...", {4, 8, 16, 32}, true},
                        {"4,8,12,...", {4, 8, 12, 16, 20, 24, 28, 32}, false},
                        {"2,4,8,...", {2, 4, 8, 16, 32}, false},
                        {"10,15,...", {10, 15, 20, 25, 30}, false}};
  for (const Case &c : cases) {
    ToyRun run;
    CommandResult result = run.train({"--save_every", "0", "--save_at", c.given,
                                      "--num_training_steps", "33"});
    ASSERT_EQ(result.status, 0) << result.errors;
    std::vector<int> saved;
    for (int step = 1; step < 33; ++step)
      if (fs::exists(run.folder / ("run/model_" + std::to_string(step))))
        saved.push_back(step);
    EXPECT_EQ(saved, c.saved) << c.given;
    bool isSaid = result.errors.find("--save_at 4,8,... goes on with 16; with "
                                     "4,8,12,... it adds") != std::string::npos;
    EXPECT_EQ(isSaid, c.isSaid) << result.errors;
  }
}

TEST(Train, TheTokenizerIsTheOneThatWasRead) {
  ToyRun run;
  pid_t child = run.start({"--num_training_steps", "3000", "--threads", "1"});
  EXPECT_TRUE(run.appears("metrics.jsonl")) << run.log();
  writeText(run.folder / "t.model", tinyTokenizer(40));
  ASSERT_EQ(ToyRun::wait(child), 0) << run.log();
  EXPECT_EQ(readText(run.folder / "run/t.model"), tinyTokenizer());
  EXPECT_EQ(readText(run.folder / "run/model_3000/t.model"), tinyTokenizer());
}

TEST(Train, ConcatAndJsonlAndMultipliers) {
  ToyRun run;
  writeText(run.folder / "data.jsonl", learnableText(100));
  ASSERT_EQ(run.train({"--data", run.folder / "data.jsonl", "--packing",
                       "concat", "--scheduler", "wsd", "--lr_mult", "embed=0",
                       "--max_train_tokens", "640", "--no-shuffle"})
                .status,
            2); // both lengths given
  run.flags.erase(run.flags.begin() + 9, run.flags.begin() + 11);
  CommandResult result =
      run.train({"--data", run.folder / "data.jsonl", "--packing", "concat",
                 "--scheduler", "wsd", "--lr_mult", "embed=0",
                 "--max_train_tokens", "640", "--no-shuffle"});
  ASSERT_EQ(result.status, 0) << result.errors;
  EXPECT_EQ(run.metrics().size(), 10u);
  // With the table's factor 0 only the bias moved.
  SafetensorsFile file(run.folder / "run/model_10/model.safetensors");
  std::vector<float> bias(64);
  const StoredTensor &stored = file.get(toy::kBias, "F32", {64});
  file.read(stored, 0, bias.data(), stored.bytes);
  EXPECT_NE(bias[5], 0);
  ToyRun initial;
  ASSERT_EQ(initial.train({"--num_training_steps", "0"}).status, 0);
  SafetensorsFile start(initial.folder / "run/model_0/model.safetensors");
  std::vector<float> before(64 * 64), after(64 * 64);
  for (auto [source, to] : {std::pair(&start, &before), {&file, &after}}) {
    const StoredTensor &table = source->get(toy::kTable, "F32");
    source->read(table, 0, to->data(), table.bytes);
  }
  EXPECT_EQ(before, after);
}

TEST(Train, DataThatEnd) {
  ToyRun run;
  CommandResult result =
      run.train({"--max_epochs", "1", "--num_training_steps", "100"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.errors.find("ended after 50 of 100 updates"),
            std::string::npos)
      << result.errors;
  EXPECT_TRUE(fs::exists(run.folder / "run/model_50/model.safetensors"));
}

TEST(Train, NotFiniteLossIsRecorded) {
  ToyRun run;
  ASSERT_EQ(run.train({"--num_training_steps", "0"}).status, 0);
  std::vector<float> table(64 * 64, NAN), bias(64, 0);
  writeSafetensors(run.folder / "nan.safetensors",
                   {storeFrom(toy::kTable, "F32", {64, 64}, table.data()),
                    storeFrom(toy::kBias, "F32", {64}, bias.data())});
  CommandResult result =
      run.train({"--save_dir", run.folder / "bad", "--weights",
                 run.folder / "nan.safetensors"});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.errors.find("the loss of update 1 is not finite"),
            std::string::npos)
      << result.errors;
  CommandResult replay =
      runToy({"replay", "--weights", run.folder / "bad/model_0", "--batch",
              run.folder / "bad/not_finite_1.safetensors", "--out",
              run.folder / "out"});
  EXPECT_EQ(replay.status, 0) << replay.errors;
}

TEST(Train, BadInputLeavesNothing) {
  struct Case {
    std::function<void(ToyRun &)> change;
    std::vector<std::string> flags;
    const char *part;
  };
  auto data = [](const std::string &bytes) {
    return
        [bytes](ToyRun &run) { writeText(run.folder / "data.json.gz", bytes); };
  };
  auto nothing = [](ToyRun &) {};
  std::string good = gzip(learnableText(200));
  const Case cases[] = {
      {nothing, {"--data", "/no/such*"}, "--data: no file matches /no/such*"},
      {data(""), {}, "data.json.gz is empty"},
      {data(learnableText(3)), {}, "is not a gzip file"},
      {data(good.substr(0, 60)), {}, "is truncated"},
      {data(gzip("x\ny\n")), {}, "all 2 lines were skipped"},
      {data(gzip(jsonLines({"a"}))), {"--packing", "concat"}, "fewer tokens"},
      {data(gzip(jsonLines({"a"}))), {"--max_epochs", "1"}, "fewer rows than"},
      {nothing, {"--tokenizer", "/no/such"}, "cannot open /no/such"},
      {[](ToyRun &run) { writeText(run.folder / "t.model", "text"); },
       {},
       "is not a sentencepiece model"},
      {[](ToyRun &run) {
         writeText(run.folder / "t.model", tinyTokenizer(65));
       },
       {},
       "has 65 pieces, the model's vocab_size is 64"},
      {[](ToyRun &run) {
         run.flags.erase(run.flags.begin() + 3, run.flags.begin() + 5);
       },
       {},
       "--tokenizer is required"},
      {nothing, {"--weights", "/no/such"}, "no weights at /no/such"},
      {nothing, {"--eval_data", "/no/such"}, "--eval_data: no file matches"},
      {nothing, {"--save_dir="}, "--save_dir needs a value"},
      {nothing, {"--save_dir", "/proc/no"}, "/proc/no"},
      {nothing, {"--batch_size", "8"}, "compiled for 4"},
      {nothing, {"--max-length", "32"}, "compiled for 16"},
      {nothing, {"--dtype", "bf16"}, "compiled for fp32"},
      {nothing, {"--total_batch_size", "6"}, "not a multiple of --batch_size"},
      {nothing,
       {"--total_batch_size", "8", "--gradient_accumulation", "3"},
       "is not --total_batch_size 8"},
      {nothing, {"--scheduler", "cosine_restarts"}, "needs --cycle_length"},
      {nothing, {"--optimizer", "sgd"}, "expected adam or adamw"},
      {nothing, {"--min_lr_ratio", "2"}, "--min_lr_ratio is '2'"},
      {nothing, {"--rank", "8"}, "GaLore"},
      {nothing, {"--keep_last", "-1"}, "--keep_last is '-1'"},
      {nothing, {"--save_every", "-1"}, "--save_every is '-1'"},
      {nothing, {"--eval_every", "x"}, "--eval_every is 'x'"},
      {nothing, {"--eval_tokens", "0"}, "--eval_tokens is '0'"},
      {nothing, {"--data_seed", "-1"}, "--data_seed is '-1'"},
      {nothing, {"--shuffle_window", "0"}, "--shuffle_window is '0'"},
      {nothing, {"--shuffle_window", "1B"}, "expected at most 16777216"},
      {nothing, {"--max_epochs", "1.5"}, "--max_epochs is '1.5'"},
      {nothing, {"--spike_zscore", "-1"}, "--spike_zscore is '-1'"},
      {nothing, {"--lr", "-1"}, "--lr is '-1'"},
      {nothing, {"--lr", "nan"}, "--lr is 'nan'"},
      {nothing, {"--beta1", "1"}, "--beta1 is '1'"},
      {nothing, {"--beta2", "2"}, "--beta2 is '2'"},
      {nothing, {"--eps", "-1"}, "--eps is '-1'"},
      {nothing, {"--weight_decay", "-1"}, "--weight_decay is '-1'"},
      {nothing, {"--grad_clipping", "-1"}, "--grad_clipping is '-1'"},
      {nothing, {"--lr_mult", "foo=1"}, "--lr_mult is 'foo=1'"},
      {nothing, {"--decay", "embed=-1"}, "--decay is 'embed=-1'"},
      {nothing, {"--init_std", "embed"}, "--init_std is 'embed'"},
      {nothing, {"--warmup_steps", "-1"}, "--warmup_steps is '-1'"},
      {nothing, {"--num_training_steps", "-1"}, "--num_training_steps is"},
      {nothing, {"--seed", "-1"}, "--seed is '-1'"},
      {nothing, {"--threads", "0"}, "--threads is '0'"},
      {nothing, {"--threads", "5000"}, "--threads is 5000"},
      {nothing, {"--batch_size", "0"}, "--batch_size is '0'"},
      {nothing, {"--total_batch_size", "0"}, "--total_batch_size is '0'"},
      {nothing, {"--gradient_accumulation", "0"}, "is '0'"},
      {nothing, {"--seq_len", "1"}, "--seq_len is '1'"},
      {nothing,
       {"--scheduler", "wsd", "--decay_steps", "26"},
       "are more than --num_training_steps 30"},
      {nothing,
       {"--scheduler", "cosine_restarts", "--cycle_length", "4"},
       "is more than --cycle_length 4"},
      {nothing, {"--norm", "pre"}, "fixed at compile time"},
      {nothing, {"--learning_rat", "1"}, "did you mean --learning_rate?"},
  };
  for (const Case &c : cases) {
    ToyRun run;
    c.change(run);
    CommandResult result = run.train(c.flags);
    EXPECT_EQ(result.status, 2) << c.part << "\n" << result.errors;
    EXPECT_NE(result.errors.find(c.part), std::string::npos) << result.errors;
    EXPECT_FALSE(fs::exists(run.folder / "run")) << c.part;
  }
}

TEST(Train, FoldersThatARunMadeGoWithIt) {
  ToyRun run;
  writeText(run.folder / "data.json.gz", gzip("x\n"));
  EXPECT_EQ(run.train({"--save_dir", run.folder / "a/b/c"}).status, 2);
  EXPECT_FALSE(fs::exists(run.folder / "a"));
  fs::create_directories(run.folder / "run");
  EXPECT_EQ(run.train().status, 2);
  EXPECT_TRUE(fs::is_empty(run.folder / "run"));
}

TEST(Train, FolderThatHoldsARun) {
  ToyRun run;
  ASSERT_EQ(run.train().status, 0);
  CommandResult again = run.train();
  EXPECT_EQ(again.status, 2);
  EXPECT_NE(again.errors.find("already holds a run"), std::string::npos);
  EXPECT_EQ(run.metrics().size(), 30u);
  // Its checkpoints alone are one too.
  fs::remove(run.folder / "run/metrics.jsonl");
  fs::remove(run.folder / "run/run.json");
  again = run.train();
  EXPECT_EQ(again.status, 2);
  EXPECT_NE(again.errors.find("already holds a run (model_30)"),
            std::string::npos)
      << again.errors;
}

TEST(Train, DamageInTheMiddleSavesWhatWasDone) {
  ToyRun run;
  std::string good = gzip(learnableText(100));
  writeText(run.folder / "data.json.gz",
            good + gzip(learnableText(100)).substr(0, 40));
  CommandResult result = run.train({"--no_shuffle"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.errors.find("is truncated"), std::string::npos);
  EXPECT_EQ(run.metrics().size(), 25u);
  EXPECT_TRUE(fs::exists(run.folder / "run/model_25/model.safetensors"));
}
