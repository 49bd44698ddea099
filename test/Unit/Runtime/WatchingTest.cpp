//===- WatchingTest.cpp - What a run shows, and its folder ----------------===//

#include "ToyRun.h"
#include "checkpoint/Safetensors.h"
#include "data/BinRows.h"
#include "device/Ceilings.h"
#include "device/ThreadPool.h"
#include "train/EventFile.h"
#include "train/Progress.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

using namespace mixln::rt;
using nlohmann::json;
namespace fs = std::filesystem;

TEST(EventFile, Checksum) { EXPECT_EQ(crc32c("123456789"), 0xe3069283u); }

template <typename T> static T at(const std::string &bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

static std::vector<std::string> records(const std::string &bytes) {
  std::vector<std::string> found;
  auto check = [](std::string_view data, uint32_t stored) {
    uint32_t crc = crc32c(data);
    EXPECT_EQ(stored, uint32_t((crc >> 15 | crc << 17) + 0xa282ead8u));
  };
  for (size_t i = 0; i + 16 <= bytes.size();) {
    auto length = at<uint64_t>(bytes, i);
    check({bytes.data() + i, 8}, at<uint32_t>(bytes, i + 8));
    found.push_back(bytes.substr(i + 12, length));
    check(found.back(), at<uint32_t>(bytes, i + 12 + length));
    i += 16 + length;
  }
  return found;
}

TEST(EventFile, ARunWritesARecordAStep) {
  ToyRun run;
  ASSERT_EQ(run.train().status, 0);
  std::string path;
  for (const auto &entry : fs::directory_iterator(run.folder / "run"))
    if (entry.path().filename().string().starts_with("events.out.tfevents."))
      path = entry.path();
  std::vector<std::string> all = records(readText(path));
  ASSERT_EQ(all.size(), 32u);
  EXPECT_NE(all[0].find("brain.Event:2"), std::string::npos);
  // Whatever an earlier file says of step 1 and later is void: session_log
  // (field 7) with status (field 1) START.
  EXPECT_TRUE(all[1].ends_with(std::string("\x10\x01\x3a\x02\x08\x01", 6)));
  EXPECT_NE(all[2].find("train/loss"), std::string::npos);
  EXPECT_NE(all[31].find("train/grad_norm"), std::string::npos);
}

TEST(Ceilings, FmaIsPlausible) {
  ThreadPool pool(1);
  Rate peak = measureFma(pool, 0.002);
  EXPECT_GT(peak.mean, 1e8);
  EXPECT_GE(peak.best, peak.mean);
  EXPECT_LT(peak.best, 1e12);
}

static std::string outputOf(const std::string &command, int &status) {
  std::string out;
  FILE *pipe = popen(command.c_str(), "r");
  char buffer[256];
  while (size_t got = std::fread(buffer, 1, sizeof buffer, pipe))
    out.append(buffer, got);
  status = WEXITSTATUS(pclose(pipe));
  return out;
}

TEST(RunFolder, ItsExecutableNeedsNoFlags) {
  ToyRun run;
  fs::path back = fs::current_path();
  fs::current_path(run.folder.path);
  // Relative paths, as a person types them.
  ASSERT_EQ(ToyRun::wait(run.start(
                {"--data", "data.json.gz", "--save_dir", "run", "--tokenizer",
                 "t.model", "--eval_data", "data.json.gz", "--eval_tokens",
                 "500", "--eval_packing", "concat"})),
            0)
      << run.log();
  fs::current_path(back);
  json last = run.metrics().back();
  for (const char *name : {"run.json", "exe", "t.model", "metrics.jsonl"})
    EXPECT_TRUE(fs::exists(run.folder / (std::string("run/") + name))) << name;
  // The original tokenizer is not needed any more.
  fs::remove(run.folder / "t.model");
  int status = 0;
  std::string out =
      outputOf("cd / && " + (run.folder / "run/exe") + " eval 2>&1", status);
  ASSERT_EQ(status, 0) << out;
  json line = json::parse(out);
  EXPECT_EQ(line["eval_loss"], last["eval_loss"]);
  EXPECT_EQ(line["eval_id"], last["eval_id"]);
  EXPECT_EQ(line["eval_tokens"], last["eval_tokens"]);
  outputOf((run.folder / "run/exe") + " info --json", status);
  EXPECT_EQ(status, 0);
  // The toy has no layers to draw; it comes as far as its data and weights.
  out =
      outputOf("cd / && " + (run.folder / "run/exe") + " layers 2>&1", status);
  EXPECT_EQ(out.find("--data"), std::string::npos) << out;
  json info = json::parse(readText(run.folder / "run/run.json"));
  for (const char *key : {"cpu", "cpus", "cores", "threads", "memory_bytes"})
    EXPECT_TRUE(info["machine"].contains(key)) << key;
  for (const char *key : {"data", "eval_data", "tokenizer"})
    EXPECT_TRUE(info["hashes"].contains(key)) << key;
}

TEST(RunFolder, RawIsAboutFilesOfIdsAlone) {
  ToyRun run;
  std::string ids;
  for (int i = 0; i < 1600; ++i)
    ids += {static_cast<char>(i * 7 % 64), '\0'};
  BinHeader header{
      .packing = Packing::Concat, .length = 16, .ids = 1600, .vocabSize = 64};
  writeText(run.folder / "raw.bin", ids);
  writeText(run.folder / "with.bin", encodeBinHeader(header) + ids);
  auto path = [&](const char *name) { return run.folder / name; };
  run.flags.insert(run.flags.end(),
                   {"--data", path("raw.bin"), "--raw", "uint16", "--packing",
                    "concat", "--num_training_steps", "3", "--warmup_steps",
                    "0"});
  const std::vector<std::string> evaluations[] = {
      {"--eval_data", path("data.json.gz")},
      {"--eval_data", path("with.bin"), "--eval_packing", "concat"},
      {"--eval_data", path("raw.bin"), "--eval_packing", "concat"}};
  for (const std::vector<std::string> &flags : evaluations) {
    fs::remove_all(path("run"));
    ASSERT_EQ(ToyRun::wait(run.start(flags)), 0) << run.log();
    int status = 0;
    std::string out = outputOf(path("run/exe") + " eval 2>&1", status);
    ASSERT_EQ(status, 0) << out;
    EXPECT_EQ(json::parse(out)["eval_id"], run.metrics().back()["eval_id"]);
  }
  fs::remove_all(path("run"));
  const std::tuple<std::vector<std::string>, const char *> refused[] = {
      {{"--data", path("with.bin")}, "with.bin begins with MIXLNBIN"},
      {{"--eval_data", path("raw.bin")}, "--raw needs --eval_packing concat"},
      {{"--eval_data", path("with.bin")}, "asked for --eval_packing pad"},
      {{"--packing", "pad"}, "--raw needs --packing concat"}};
  for (auto &[flags, part] : refused) {
    CommandResult result = run.train(flags);
    EXPECT_EQ(result.status, 2) << part;
    EXPECT_NE(result.errors.find(part), std::string::npos) << result.errors;
  }
}

TEST(Progress, TheRedrawnLineFitsTheTerminal) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
    GTEST_SKIP() << "no terminals here";
  int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
  winsize size{.ws_row = 24, .ws_col = 40, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
  int kept = dup(STDERR_FILENO);
  dup2(terminal, STDERR_FILENO);
  Progress progress(1000, /*terminal=*/true);
  StepMetrics metrics;
  metrics.loss = 3.25;
  metrics.tokensPerSecond = 123456;
  for (int64_t step : {1, 1000}) {
    metrics.step = step;
    progress.step(metrics, 0.25);
  }
  progress.finish();
  std::fflush(stderr);
  dup2(kept, STDERR_FILENO);
  // The kernel hands over what was written in pieces, and not at once.
  std::string shown;
  pollfd waiting{.fd = master, .events = POLLIN, .revents = 0};
  while (!shown.ends_with('\n') && poll(&waiting, 1, /*timeout=*/10000) > 0) {
    char bytes[1000];
    ssize_t count = read(master, bytes, sizeof bytes);
    if (count <= 0)
      break;
    shown.append(bytes, static_cast<size_t>(count));
  }
  for (int one : {kept, terminal, master})
    close(one);
  EXPECT_NE(shown.find("step 1000/1000  loss 3.2500"), std::string::npos)
      << shown;
  size_t column = 0;
  for (char c : shown) {
    column = c == '\r' || c == '\n' ? 0 : column + 1;
    EXPECT_LT(column, 40u) << shown;
  }
}

TEST(Eval, PerDocument) {
  ToyRun run;
  ASSERT_EQ(run.train().status, 0);
  CommandResult result = runToy(
      {"eval", "--weights", run.folder / "run/model_30", "--data",
       run.folder / "data.json.gz", "--eval_tokens", "300", "--per_document"});
  ASSERT_EQ(result.status, 0) << result.errors;
  std::istringstream lines(result.output);
  double sum = 0;
  int64_t tokens = 0, documents = 0;
  json all;
  for (std::string line; std::getline(lines, line);) {
    json one = json::parse(line);
    if (!one.contains("document")) {
      all = one;
      continue;
    }
    EXPECT_EQ(one["document"], documents++);
    tokens += one["tokens"].get<int64_t>();
    sum += one["loss"].get<double>() * one["tokens"].get<double>();
  }
  EXPECT_EQ(documents, 20);
  EXPECT_EQ(all["eval_tokens"], tokens);
  EXPECT_NEAR(all["eval_loss"].get<double>(), sum / double(tokens), 1e-5);
  result = runToy({"eval", "--weights", run.folder / "run/model_30", "--data",
                   run.folder / "data.json.gz", "--packing", "concat",
                   "--per_document"});
  EXPECT_EQ(result.status, 2);
}

TEST(Batches, AreWhatTrainUses) {
  ToyRun run;
  for (const char *packing : {"pad", "concat"}) {
    std::string out = run.folder / "rows.safetensors";
    CommandResult result = runToy(
        {"batches", "--data", run.folder / "data.json.gz", "--tokenizer",
         run.folder / "t.model", "--steps", "60", "--total_batch_size", "8",
         "--packing", packing, "--out", out, "--shuffle_window", "50"});
    ASSERT_EQ(result.status, 0) << result.errors;
    SafetensorsFile file(out);
    const StoredTensor &ids = file.get("input_ids", "I32", {60, 8, 16});
    const StoredTensor &labels = file.get("labels", "I32", {60, 8, 16});
    std::vector<int32_t> rows(60 * 8 * 16), counted(rows.size());
    file.read(ids, 0, rows.data(), ids.bytes);
    file.read(labels, 0, counted.data(), labels.bytes);
    for (size_t i = 0; i < rows.size(); ++i)
      EXPECT_TRUE(counted[i] == rows[i] || (counted[i] == -100 && !rows[i]));

    // The loss of update 1 is that of these rows.
    std::string save = run.folder / (std::string("run_") + packing);
    ASSERT_EQ(run.train({"--packing", packing, "--save_dir", save,
                         "--total_batch_size", "8", "--shuffle_window", "50",
                         "--num_training_steps", "0"})
                  .status,
              0);
    ASSERT_EQ(
        runToy({"batches", "--data", run.folder / "data.json.gz", "--tokenizer",
                run.folder / "t.model", "--packing", packing, "--out", out,
                "--total_batch_size", "8", "--shuffle_window", "50"})
            .status,
        0);
    result = runToy({"replay", "--weights", save + "/model_0", "--batch", out,
                     "--steps", "1", "--out", run.folder / "replayed"});
    ASSERT_EQ(result.status, 0) << result.errors;
    float loss;
    SafetensorsFile replayed(run.folder / "replayed");
    replayed.read(replayed.get("loss", "F32", {1}), 0, &loss, 4);
    ASSERT_EQ(run.train({"--packing", packing, "--save_dir", save + "_all",
                         "--total_batch_size", "8", "--shuffle_window", "50",
                         "--num_training_steps", "10"})
                  .status,
              0);
    EXPECT_NEAR(run.metrics(fs::path(save + "_all").filename())[0]["loss"]
                    .get<double>(),
                loss, 1e-6);
  }
}
