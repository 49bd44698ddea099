//===- FlagsTest.cpp ------------------------------------------------------===//

#include "cli/Flags.h"
#include "support/Errors.h"

#include <gtest/gtest.h>
#include <limits>

using namespace mixln::rt;

namespace {

struct Example {
  Flags flags{"exe train", "Trains."};
  std::string data, packing = "pad";
  double lr = 1e-4;
  int64_t length = 256;
  bool logits = false;
  std::map<std::string, double> table;

  Example() {
    flags.text("data", data, "data");
    flags.choice("packing", packing, {"pad", "concat"}, "packing");
    flags.number("lr", lr, 0, std::numeric_limits<double>::infinity(), "lr",
                 {"learning_rate"});
    flags.count("seq_len", length, 1, "T", {"max_length"});
    flags.toggle("logits", logits, "logits");
    flags.table("lr_mult", table, {"gate", "head"}, "factors");
    flags.ignored("single_gpu", false, "one process");
    flags.refused("resume", "is not supported yet");
  }

  std::string failure(const std::vector<std::string> &arguments) {
    try {
      flags.parse(arguments);
    } catch (const InputError &error) {
      return error.what();
    }
    return "";
  }
};

} // namespace

TEST(Flags, SpellingsSynonymsAndLastOneCounts) {
  Example e;
  ASSERT_TRUE(
      e.flags.parse({"--data", "a b", "--learning-rate=1e-3", "--max-length",
                     "1K", "--lr", "5e-4", "--logits", "--seq_len=2K",
                     "--packing", "CONCAT", "--lr-mult", "gate=0.1,head=2"}));
  EXPECT_EQ(e.data, "a b");
  EXPECT_EQ(e.lr, 5e-4);
  EXPECT_EQ(e.length, 2000);
  EXPECT_TRUE(e.logits);
  EXPECT_EQ(e.packing, "concat");
  EXPECT_EQ(e.table.at("gate"), 0.1);
  EXPECT_TRUE(e.flags.given("seq_len"));
  EXPECT_FALSE(e.flags.given("single_gpu"));
  EXPECT_EQ(e.flags.resolved().at("lr"), "0.0005");
  EXPECT_EQ(e.flags.resolved().at("lr_mult"), "gate=0.1,head=2.0");
}

TEST(Flags, Errors) {
  const std::pair<std::vector<std::string>, const char *> cases[] = {
      {{"--packin", "pad"}, "unknown flag --packin; did you mean --packing?"},
      {{"--learningrate", "1"}, "did you mean --learning_rate?"},
      {{"--zzzzzzzzzz"}, "unknown flag --zzzzzzzzzz; --help lists"},
      {{"--lr"}, "--lr needs a value"},
      {{"--lr", "--logits"}, "--lr needs a value"},
      {{"--lr", "fast"}, "--lr is 'fast', expected a number"},
      {{"--lr", "nan"}, "expected a number"},
      {{"--lr", "-1"}, "expected a number of at least 0"},
      {{"--seq_len", "1.5"}, "--seq_len is '1.5', expected a whole number"},
      {{"--seq_len", "0"}, "at least 1"},
      {{"--seq_len", "99999999999999999999"}, "expected a whole number"},
      {{"--packing", "tight"}, "--packing is 'tight', expected pad or concat"},
      {{"--lr_mult", "gates=1"}, "expected as key gate or head"},
      {{"--lr_mult", "gate"}, "KEY=NUMBER"},
      {{"--logits=maybe"}, "--logits is 'maybe', expected true or false"},
      {{"--resume"}, "--resume is not supported yet"},
      {{"train"}, "unexpected argument 'train'"},
  };
  for (auto &[arguments, part] : cases) {
    Example e;
    std::string message = e.failure(arguments);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
}

TEST(Flags, NotesAndHelp) {
  Example e;
  testing::internal::CaptureStderr();
  EXPECT_TRUE(e.flags.parse({"--single-gpu", "--lr", "1"}));
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "--single_gpu is ignored: one process\n");
  EXPECT_EQ(e.lr, 1);
  testing::internal::CaptureStdout();
  EXPECT_FALSE(e.flags.parse({"--data", "x", "--help"}));
  std::string help = testing::internal::GetCapturedStdout();
  EXPECT_NE(help.find("--seq_len"), std::string::npos) << help;
}

TEST(Flags, Nearest) {
  EXPECT_EQ(nearest("trian", {"train", "eval"}), "train");
  EXPECT_EQ(nearest("frobnicate", {"train", "eval"}), "");
}
