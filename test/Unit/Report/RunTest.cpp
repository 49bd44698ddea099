//===- RunTest.cpp - Damaged and foreign run folders ----------------------===//

#include "mixln/Report/Run.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace mixln::report;
namespace fs = std::filesystem;

namespace {
struct RunFolderTest : testing::Test {
  fs::path folder = fs::temp_directory_path() /
                    ("mixln-report-test-" + std::to_string(getpid()));
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }
  void write(const char *name, const std::string &text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
  }
  mixln::report::Run read() const {
    mixln::report::Run run;
    std::string error;
    EXPECT_TRUE(readRun(folder.string(), run, error)) << error;
    return run;
  }
};
} // namespace

TEST_F(RunFolderTest, NaNAndHalfALine) {
  write("metrics.jsonl", "{\"step\":1,\"loss\":3,\"note\":\"NaN {\"}\n"
                         "no json\n"
                         "{\"step\":2,\"loss\":NaN,\"lr\":-Infinity}\n"
                         "{\"step\":3,\"lo");
  mixln::report::Run run = read();
  ASSERT_EQ(run.steps.size(), 2U);
  EXPECT_EQ(run.steps[0].loss, 3);
  EXPECT_TRUE(std::isnan(run.steps[1].loss));
  EXPECT_EQ(run.divergedAt, 2);
  EXPECT_EQ(run.warnings.size(), 2U);
}

TEST_F(RunFolderTest, LayerRecordsInBothForms) {
  write("metrics.jsonl", "");
  write("layers.jsonl",
        "{\"step\":0,\"stream_rms\":[1,2,3],\"attention\":{\"ratio\":[4,5]}}\n"
        "{\"step\":5,\"layers\":[{\"gradient_norm\":6,\"attention\":{\"ratio\":"
        "7}},{\"gradient_norm\":null,\"attention\":{\"ratio\":8}}]}\n");
  LayerMeasurements history = read().history;
  EXPECT_EQ(history.steps, (std::vector<double>{0, 5}));
  EXPECT_EQ(history.fields["attention.ratio"], (Matrix{{4, 5}, {7, 8}}));
  EXPECT_EQ(history.fields["stream_rms"], (Matrix{{1, 2, 3}}));
  Matrix norms = history.fields["gradient_norm"];
  ASSERT_EQ(norms.size(), 2U);
  EXPECT_TRUE(norms[0].empty());
  EXPECT_EQ(norms[1][0], 6);
  EXPECT_TRUE(std::isnan(norms[1][1]));
}

TEST_F(RunFolderTest, DivergenceIsATraceInTheFolder) {
  write("metrics.jsonl", "{\"step\":1,\"loss\":3}\n{\"step\":2,\"loss\":4}\n");
  write("not_finite_3.safetensors", "");
  EXPECT_EQ(read().divergedAt, 3);
  // An update that went well later.
  write("metrics.jsonl", "{\"step\":3,\"loss\":3}\n");
  EXPECT_EQ(read().divergedAt, -1);
}

TEST_F(RunFolderTest, WhatIsNoRun) {
  mixln::report::Run run;
  std::string error;
  EXPECT_FALSE(readRun(folder.string(), run, error));
  EXPECT_NE(error.find("holds neither run.json nor metrics.jsonl"),
            std::string::npos);
  EXPECT_FALSE(readRun((folder / "none").string(), run, error));
  EXPECT_NE(error.find("no such folder"), std::string::npos);
}

TEST(RunNames, AreTheDifferingPartOfThePaths) {
  std::vector<mixln::report::Run> runs(3);
  runs[0].path = "/x/y/a/1";
  runs[1].path = "/x/y/a/2";
  runs[2].path = "/x/y/b/1";
  nameRuns(runs);
  EXPECT_EQ(runs[0].name, "a/1");
  EXPECT_EQ(runs[2].name, "b/1");
  runs.resize(1);
  nameRuns(runs);
  EXPECT_EQ(runs[0].name, "1");
}

TEST_F(RunFolderTest, NestedTooDeep) {
  std::string deep;
  for (int i = 0; i < 120000; ++i)
    deep += "{\"a\":";
  for (const char *name : {"run.json", "layers.json", "eval-x.json"})
    write(name, deep);
  write("metrics.jsonl", "{\"step\":1,\"loss\":3}\n" + deep + "\n");
  write("layers.jsonl", std::string(120000, '[') + "\n");
  mixln::report::Run run = read();
  EXPECT_EQ(run.steps.size(), 1U);
  EXPECT_EQ(run.warnings.size(), 4U);
}

TEST_F(RunFolderTest, UpdatesBeyondCounting) {
  write("metrics.jsonl", "{\"step\":1e300,\"loss\":NaN}\n");
  EXPECT_TRUE(read().steps.empty());
}
