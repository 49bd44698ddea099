//===- ProfileTest.cpp - Times of dispatches, ceilings, traces ------------===//

#include "profile/Profile.h"
#include "Toy.h"
#include "ToyRun.h"
#include "device/CpuFeatures.h"
#include "device/Device.h"
#include "device/ThreadPool.h"
#include "support/CacheFolder.h"
#include "support/Errors.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>

using namespace mixln::rt;
using nlohmann::json;

namespace {
/// An environment variable, for as long as this lives.
class Variable {
public:
  Variable(const char *name, const std::string &value) : name(name) {
    if (const char *found = std::getenv(name))
      before = found;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before)
      setenv(name, before->c_str(), 1);
    else
      unsetenv(name);
  }
  Variable(const Variable &) = delete;
  Variable &operator=(const Variable &) = delete;

private:
  const char *name;
  std::optional<std::string> before;
};

struct CeilingsVariable : Variable {
  explicit CeilingsVariable(const std::string &path)
      : Variable("MIXLN_CEILINGS", path) {}
};
} // namespace

/// Checks what Perfetto needs of a trace; returns the slices of each track.
static std::map<int, int> checkTrace(const json &trace) {
  std::map<int, int> slices;
  std::map<int, double> ends;
  for (const json &event : trace.at("traceEvents")) {
    EXPECT_TRUE(event.at("name").is_string());
    EXPECT_TRUE(event.at("pid").is_number_integer());
    if (event.at("ph") == "M")
      continue;
    EXPECT_EQ(event.at("ph"), "X");
    int track = event.at("tid");
    double begin = event.at("ts"), duration = event.at("dur");
    EXPECT_GE(duration, 0);
    // A nanosecond lost in printing is no overlap.
    EXPECT_GE(begin, ends[track] - 1e-3);
    ends[track] = begin + duration;
    ++slices[track];
    for (const char *key : {"kernel", "site", "layer", "flops", "bytes"})
      EXPECT_TRUE(event.at("args").contains(key)) << key;
  }
  return slices;
}

TEST(Profile, TrainWritesTableProfileAndTrace) {
  ToyRun run;
  std::string ceilings = run.folder / "ceilings.json";
  CeilingsVariable variable(ceilings);
  writeCeilings(ceilings, {{2, {1e11}, {2e11}, 1e10, 1e11}});
  CommandResult result = run.train({"--profile", "--threads", "2"});
  ASSERT_EQ(result.status, 0) << result.errors;
  for (const char *part :
       {"one of 29 updates, 2 threads; ceilings (recorded in ",
        "fma 100.0 GFLOP/s, dot 200.0 GFLOP/s, memory 10.0 GB/s", "of it",
        "outside kernels", "trace.json"})
    EXPECT_NE(result.errors.find(part), std::string::npos) << result.errors;

  json profile = json::parse(readText(run.folder / "run/profile.json"));
  EXPECT_EQ(profile["updates"], 29);
  EXPECT_EQ(profile["kernels"].size(), 4u);
  double seconds = 0, share = 0;
  for (const json &kernel : profile["kernels"]) {
    EXPECT_EQ(kernel["calls"].get<int>() % 29, 0);
    seconds += kernel["seconds"].get<double>();
    share += kernel["share"].get<double>();
    EXPECT_GE(kernel["idle"].get<double>(), 0);
    EXPECT_LE(kernel["idle"].get<double>(), 1);
  }
  EXPECT_NEAR(seconds, profile["kernel_seconds"].get<double>(), 1e-9);
  EXPECT_LE(seconds, profile["seconds"].get<double>());
  EXPECT_LE(share, 1);
  double calls = 0;
  for (const json &dispatch : profile["dispatches"])
    calls += dispatch["calls"].get<double>();
  EXPECT_EQ(calls / 29, std::floor(calls / 29));

  json trace = json::parse(readText(run.folder / "run/trace.json"));
  std::map<int, int> slices = checkTrace(trace);
  EXPECT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0] % Recorder::kSteps, 0);
}

TEST(Profile, WithoutTheFlagARunIsTheSame) {
  ToyRun plain, profiled;
  std::string ceilings = profiled.folder / "ceilings.json";
  CeilingsVariable variable(ceilings);
  writeCeilings(ceilings, {{1, {1e11}, {}, 1e10, 1e11}});
  ASSERT_EQ(plain.train().status, 0);
  ASSERT_EQ(profiled.train({"--profile", "--threads", "1"}).status, 0);
  EXPECT_EQ(plain.timelessMetrics(), profiled.timelessMetrics());
  EXPECT_FALSE(std::filesystem::exists(plain.folder / "run/trace.json"));
}

TEST(Profile, InfoListsKernels) {
  CommandResult still = runToy({"info", "--kernels", "--no_run", "--json"});
  ASSERT_EQ(still.status, 0) << still.errors;
  json known = json::parse(still.output);
  EXPECT_EQ(known["kernels"].size(), 4u);
  EXPECT_FALSE(known["kernels"][0].contains("seconds"));

  TestFolder folder;
  CeilingsVariable variable(folder / "c.json");
  writeCeilings(folder / "c.json", {{1, {1e11}, {}, 1e10, 1e11}});
  CommandResult ran =
      runToy({"info", "--kernels", "--runs", "2", "--threads", "1", "--json"});
  ASSERT_EQ(ran.status, 0) << ran.errors;
  EXPECT_NE(ran.errors.find("on random rows"), std::string::npos);
  json measured = json::parse(ran.output);
  EXPECT_EQ(measured["updates"], 2);
  double flops = 0, expected = 0;
  for (const json &kernel : measured["kernels"])
    flops += kernel["flops"].get<double>();
  for (const json &kernel : known["kernels"])
    expected += kernel["flops"].get<double>();
  EXPECT_EQ(flops, 2 * expected);
  EXPECT_EQ(runToy({"info", "--no_run"}).status, 2);
}

//===----------------------------------------------------------------------===//
// Ceilings
//===----------------------------------------------------------------------===//

TEST(Ceilings, OfAFileOrMeasured) {
  TestFolder folder;
  std::string path = folder / "c.json";
  CeilingsVariable variable(path);
  ThreadPool pool(1);
  auto findCeilings = [](ThreadPool &pool) {
    return mixln::rt::findCeilings(pool, recordedCeilings(pool.size()));
  };
  EXPECT_THROW(recordedCeilings(1), InputError);
  writeText(path, "[1]");
  EXPECT_THROW(recordedCeilings(1), InputError);
  // It is read before anything is written.
  ToyRun run;
  EXPECT_EQ(run.train({"--profile"}).status, 2);
  EXPECT_FALSE(std::filesystem::exists(run.folder / "run"));
  writeCeilings(path, {{1, {3}, {4}, 5, 6}});
  KnownCeilings known = findCeilings(pool);
  EXPECT_EQ(known.ceilings.fma.best, 3);
  EXPECT_EQ(known.ceilings.cache, 6);
  EXPECT_NE(known.source.find(path), std::string::npos);

  writeCeilings(path, {{7, {3}, {4}, 5, 6}});
  known = findCeilings(pool);
  EXPECT_NE(known.source.find("has none for 1 threads"), std::string::npos);
  EXPECT_GT(known.ceilings.fma.best, 1e9);
  EXPECT_GT(known.ceilings.memory, 1e8);
  EXPECT_GT(known.ceilings.cache, 1e8);
  EXPECT_LT(known.ceilings.cache, 1e13);

  json other = json::parse(readText(path));
  other["cpu"] = "abacus";
  writeText(path, other.dump());
  EXPECT_NE(findCeilings(pool).source.find("another CPU, abacus"),
            std::string::npos);
}

TEST(Ceilings, ABadFileThatNobodyNamed) {
  TestFolder folder;
  CeilingsVariable named("");
  Variable cache("MIXLN_CACHE_DIR", folder.path);
  EXPECT_EQ(ceilingsPath(), folder / "ceilings.json");
  EXPECT_EQ(recordedCeilings(1).source, "none recorded");
  writeText(folder / "ceilings.json", "[1]");
  KnownCeilings known = recordedCeilings(1);
  EXPECT_EQ(known.ceilings.threads, 0);
  EXPECT_NE(known.source.find("does not hold ceilings"), std::string::npos)
      << known.source;
}

TEST(CacheFolder, AnEmptyVariableIsNone) {
  Variable cache("MIXLN_CACHE_DIR", ""), base("XDG_CACHE_HOME", ""),
      home("HOME", "/home/x");
  EXPECT_EQ(cacheFolder(), "/home/x/.cache/mixln");
  Variable other("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(cacheFolder(), "/cache/mixln");
  Variable own("MIXLN_CACHE_DIR", "/own");
  EXPECT_EQ(cacheFolder(), "/own");
}

TEST(Ceilings, TheLargerTimeBounds) {
  Program program;
  program.cpuFeatures = {"+avx512bf16"};
  program.kernels = {{"matmul.f32", {"a"}, 0},
                     {"matmul.bf16", {"b"}, 1},
                     {"rows.copy", {"c"}, 2},
                     {"rows.in_place", {"d"}, 3},
                     {"rows.cached", {"e"}, 4}};
  auto dispatch = [](int64_t kernel, double flops, double bytes, bool inPlace) {
    Dispatch made;
    made.kernel = kernel;
    made.flops = flops;
    made.bytes = bytes;
    auto half = static_cast<int64_t>(bytes / 2);
    made.operands = {{0, half, true, false},
                     {inPlace ? 0 : half, half, false, true}};
    return made;
  };
  program.entries = {{"gradient",
                      {dispatch(0, 50, 1, true), dispatch(1, 50, 1, true),
                       dispatch(2, 1, 8, false), dispatch(3, 1, 6, true),
                       dispatch(4, 1, 16, false)}}};
  Recorder recorder(program, 1);
  for (int i = 0; i < 5; ++i)
    recorder.addCall(0, i, 1'000'000'000);
  Profile profile =
      makeProfile(program, recorder, 1, 5, {{1, {100}, {200}, 10, 40}, "hand"});
  std::map<std::string, const KernelRow *> rows;
  for (const KernelRow &row : profile.kernels)
    rows[row.name] = &row;
  auto expect = [&](const char *name, Bound bound, double share) {
    EXPECT_EQ(rows[name]->bound, bound) << name;
    EXPECT_NEAR(rows[name]->ofBound, share, 1e-9) << name;
  };
  expect("matmul.f32", Bound::Fma, 0.5);
  expect("matmul.bf16", Bound::Dot, 0.25);
  // Of 8 bytes 4 are written unread: as a copy of 8 bytes.
  expect("rows.copy", Bound::Memory, 0.8);
  // A copy of 4 bytes moves 6: as many as these 6.
  expect("rows.in_place", Bound::Memory, 0.4);
  expect("rows.cached", Bound::Cache, 0.4);
}

//===----------------------------------------------------------------------===//
// Recorder
//===----------------------------------------------------------------------===//

TEST(Recorder, KeepsTheLastSteps) {
  Program program;
  program.entries = {{"e", {Dispatch(), Dispatch()}}};
  Recorder recorder(program, 1);
  for (int step = 0; step < 5; ++step) {
    recorder.beginStep();
    for (int i = 0; i < 2; ++i)
      recorder.addSlice(0, {0, i, 10 * step + i, 10 * step + i + 1}, 1);
  }
  std::vector<Slice> slices = recorder.slices(0);
  ASSERT_EQ(slices.size(), size_t(2 * Recorder::kSteps));
  EXPECT_EQ(slices.front().begin, 10 * (5 - Recorder::kSteps));
  EXPECT_EQ(recorder.time(0, 1).busy, 5);
  recorder.forgetSums();
  EXPECT_EQ(recorder.time(0, 1).busy, 0);

  recorder.beginStep();
  for (int64_t i = 0; i < Recorder::kSlices + 10; ++i)
    recorder.addSlice(0, {0, 0, i, i}, 0);
  slices = recorder.slices(0);
  EXPECT_EQ(slices.size(), size_t(Recorder::kSlices));
  EXPECT_EQ(slices.back().begin, Recorder::kSlices + 9);
}
