//===- CompareTest.cpp - What is compared, paired, left out ---------------===//

#include "mixln/Report/Compare.h"
#include "mixln/Report/Placements.h"
#include "mixln/Report/RunKeys.h"

#include <gtest/gtest.h>

using namespace mixln::report;
using Json = nlohmann::ordered_json;

namespace {
/// Runs of one evaluation, described by what differs.
struct Runs {
  std::vector<mixln::report::Run> all;

  mixln::report::Run &add(const std::string &norm, const std::string &lr,
                          const std::string &seed, double loss,
                          const Json &more = Json::object()) {
    mixln::report::Run run;
    run.about = {
        {"flags", {{"lr", lr}, {"seed", seed}, {"num_training_steps", "10"}}},
        {"program", {{"norm", norm}}},
        {"config", {{"num_hidden_layers", 4}}}};
    run.about.merge_patch(more);
    run.name = std::to_string(all.size());
    run.placement = namePlacement(run.about);
    run.steps.push_back({10, loss, 0, 0, 0, 0});
    run.evaluations.push_back({"eval", 10, loss, 0, 0, "e"});
    all.push_back(std::move(run));
    return all.back();
  }

  /// The group of an evaluation.
  Group group(const std::string &measure = "eval") {
    for (const Group &group : groupOutcomes(all))
      if (group.measure == measure)
        return group;
    return {};
  }
};

Json flag(const char *name, const char *value) {
  return {{"flags", {{name, value}}}};
}
} // namespace

TEST(Compare, KindsOfNormsArePlacementsOfTheirOwn) {
  Runs runs;
  runs.add("pre", "1", "0", 3);
  runs.add("pre", "1", "0", 2, {{"config", {{"norm_kind", "dyt"}}}});
  EXPECT_EQ(placementsOf(runs.all),
            (std::vector<std::string>{"pre", "pre, dyt"}));
  auto all = differences(runs.group(), "pre");
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].placement, "pre, dyt");
  EXPECT_EQ(all[0].estimate.mean, -1);
}

TEST(Compare, NormFilesOfOneNameAreToldApart) {
  Runs runs;
  runs.add("my.json", "1", "0", 3, {{"config", {{"norm_spec", {{"a", 1}}}}}});
  runs.add("my.json", "1", "0", 2, {{"config", {{"norm_spec", {{"a", 2}}}}}});
  runs.add("pre", "1", "0", 1);
  tellPlacementsApart(runs.all);
  EXPECT_EQ(placementsOf(runs.all).size(), 3U);
  EXPECT_TRUE(runs.all[0].placement.starts_with("my.json, file "));
  EXPECT_EQ(runs.all[2].placement, "pre");
}

TEST(Compare, NoRunOfASeedIsOverwritten) {
  Runs runs;
  runs.add("pre", "1", "0", 3);
  runs.add("post", "1", "0", 4);
  runs.add("post", "1", "0", 5);
  auto all = differences(runs.group(), "pre");
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].estimate.mean, 1.5);
  EXPECT_EQ(all[0].note(), "1 seed with several runs: their means");
}

TEST(Compare, PairsHaveSeedAndOrderOfRows) {
  Runs runs;
  for (const char *order : {"1", "2"}) {
    double above = order[0] - '0';
    runs.add("pre", "1", "0", 3, flag("data_seed", order));
    runs.add("post", "1", "0", 3 + above, flag("data_seed", order));
  }
  auto all = differences(runs.group(), "pre");
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all[0].estimate.count, 2);
  EXPECT_EQ(all[0].estimate.mean, 1.5);
}

TEST(Compare, DivergedSeedsAreSaidAndNobodysBest) {
  Runs runs;
  runs.add("pre", "1", "0", 3);
  runs.add("pre", "1", "1", 3);
  runs.add("post", "1", "0", 2);
  mixln::report::Run &diverged = runs.add("post", "1", "1", 2);
  diverged.divergedAt = 4;
  diverged.evaluations.clear();
  for (size_t i : {0, 1, 2})
    runs.all[i].evaluations.push_back({"books", 10, 3, 0, 0, "b"});
  for (const char *measure : {"eval", "books"}) {
    Group group = runs.group(measure);
    EXPECT_EQ(group.outcomes.size(), 4U) << measure;
    auto all = differences(group, "pre");
    ASSERT_EQ(all.size(), 1U) << measure;
    EXPECT_FALSE(all[0].atBest);
    EXPECT_EQ(all[0].estimate.count, 1);
    EXPECT_EQ(all[0].note(), "1 seed of post diverged");
  }
}

TEST(Compare, SaysWhyNothingPairs) {
  Runs runs;
  runs.add("pre", "1", "0", 3);
  runs.add("post", "1", "0", 4, flag("warmup_steps", "5"));
  EXPECT_EQ(whyUnpaired(runs.group(), "pre"),
            "no pairs: the runs differ in flags.warmup_steps");
  Runs seeds;
  seeds.add("pre", "1", "0", 3);
  seeds.add("post", "1", "1", 4);
  EXPECT_EQ(whyUnpaired(seeds.group(), "pre"),
            "no pairs: the runs differ in flags.seed or flags.data_seed");
  seeds.add("pre", "1", "1", 3);
  EXPECT_EQ(whyUnpaired(seeds.group(), "pre"), "");
}

TEST(Compare, WhatChangesNoNumberSeparatesNothing) {
  Runs runs;
  runs.add("pre", "1", "0", 3);
  Json other = {{"flags",
                 {{"workers", "4"},
                  {"device", "cpu"},
                  {"profile", "true"},
                  {"log_layers_every", "5"},
                  {"eval_every", "7"},
                  {"batch_size", "4"},
                  {"gradient_accumulation", "2"},
                  {"rerun", "x"}}}};
  runs.add("post", "1", "0", 4, other);
  EXPECT_EQ(differences(runs.group(), "pre").size(), 2U);
  // Means of micro-batches depend on their size.
  EXPECT_EQ(effectOf("flags.batch_size",
                     {{"flags.loss_normalization", "micro_batch"}}),
            KeyEffect::Numbers);
  EXPECT_EQ(effectOf("flags.lr", {}), KeyEffect::Compared);
  EXPECT_EQ(effectOf("flags.anything_new", {}), KeyEffect::Numbers);
}

TEST(Compare, BaselinesByAnyOfTheirNames) {
  std::vector<std::string> placements = {"pre", "post_pre:6", "post, dyt"};
  std::vector<std::pair<std::string, std::string>> aliases = {
      {"post_pre:25%", "post_pre:6"}};
  std::string found, error;
  for (auto [given, is] :
       {std::pair("pre", "pre"), std::pair("post_pre:25%", "post_pre:6"),
        std::pair("post", "post, dyt")}) {
    EXPECT_TRUE(findBaseline(placements, aliases, given, found, error));
    EXPECT_EQ(found, is);
  }
  EXPECT_FALSE(findBaseline(placements, aliases, "prre", found, error));
  EXPECT_EQ(error, "is 'prre', expected one of pre; post_pre:6; post, dyt");
}
