//===- DataFilesTest.cpp - Shards, good and bad ---------------------------===//

#include "TestFiles.h"
#include "data/Documents.h"
#include "data/Files.h"
#include "data/LineReader.h"
#include "support/Errors.h"

#include <filesystem>

using namespace mixln::rt;

static std::vector<std::string> linesOf(const std::string &path) {
  LineReader reader(path);
  std::vector<std::string> lines;
  std::string_view line;
  while (reader.next(line))
    lines.emplace_back(line);
  return lines;
}

TEST(LineReader, PlainAndGzip) {
  TestFolder folder;
  std::string large(3 << 20, 'x');
  std::vector<std::string> lines = {"one", "", large, "last"};
  std::string text = "one\n\n" + large + "\nlast";
  writeText(folder / "a.jsonl", text);
  EXPECT_EQ(linesOf(folder / "a.jsonl"), lines);
  writeText(folder / "a.gz", gzip(text));
  EXPECT_EQ(linesOf(folder / "a.gz"), lines);
  // Members follow each other, padding too, whatever the name.
  writeText(folder / "b.jsonl",
            gzip("one\n\n" + large) + gzip("\nlast") + std::string(100, '\0'));
  EXPECT_EQ(linesOf(folder / "b.jsonl"), lines);
  writeText(folder / "c.jsonl", "a\n");
  EXPECT_EQ(linesOf(folder / "c.jsonl"), std::vector<std::string>{"a"});
}

TEST(LineReader, LongLinesAreRefused) {
  TestFolder folder;
  std::string most(LineReader::kMaxLine, 'x');
  writeText(folder / "most", "a\n" + most + "\nb\n");
  EXPECT_EQ(linesOf(folder / "most"),
            (std::vector<std::string>{"a", most, "b"}));
  // A small file that unpacks to one endless line.
  std::string bomb = gzip("a\n" + most + "x");
  EXPECT_LT(bomb.size(), size_t(1) << 20);
  writeText(folder / "bomb.gz", bomb);
  try {
    linesOf(folder / "bomb.gz");
    ADD_FAILURE() << "no error";
  } catch (const InputError &error) {
    EXPECT_EQ(error.what(), folder / "bomb.gz" +
                                ":2: the line is longer than 67108864 bytes");
  }
}

TEST(LineReader, DamagedGzip) {
  TestFolder folder;
  // Something that does not compress away: every byte of it matters.
  std::string text;
  for (unsigned i = 0, x = 1; i < 4000; ++i) {
    x = x * 1664525u + 1013904223u;
    text.push_back(static_cast<char>('a' + (x >> 27) % 26));
  }
  std::string good = gzip(text + "\nb\n");
  std::string checksum = good, garbage = good + "garbage", middle = good;
  checksum[checksum.size() - 6] ^= 1;
  middle[middle.size() / 2] ^= 0x55;
  const std::pair<std::string, const char *> cases[] = {
      {"", "is empty"},
      {"{\"text\": 1}\n", "is not a gzip file"},
      {good.substr(0, good.size() / 2), "is truncated"},
      {good.substr(0, good.size() - 4), "is truncated"},
      {good.substr(0, 12), "is truncated"},
      {checksum, "damaged gzip data"},
      {garbage, "damaged gzip data"},
      {middle, "damaged gzip data"},
  };
  for (auto &[bytes, part] : cases) {
    writeText(folder / "x.gz", bytes);
    try {
      linesOf(folder / "x.gz");
      ADD_FAILURE() << "no error: " << part;
    } catch (const InputError &error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << error.what();
      EXPECT_NE(std::string(error.what()).find("x.gz"), std::string::npos);
    }
  }
}

TEST(Documents, TextOfLine) {
  struct Case {
    const char *line, *text, *reason;
  };
  std::string deep = "{\"a\":" + std::string(100000, '[') +
                     std::string(100000, ']') + ",\"text\":\"deep\"}";
  const Case cases[] = {
      {R"({"text":"a","url":"u"})", "a", ""},
      {R"({"url":{"text":"inner"},"text":"outer"})", "outer", ""},
      {R"({"text":"outer","meta":{"text":"inner"},"l":["text","x"]})", "outer",
       ""},
      {R"({"text":"\u00e9\n"})", "é\n", ""},
      {deep.c_str(), "deep", ""},
      {R"({"text":1})", "", "not a string"},
      {R"({"text":{"text":"x"}})", "", "not a string"},
      {R"({"url":"u"})", "", "has no \"text\""},
      {R"({"meta":{"text":"inner"}})", "", "has no \"text\""},
      {R"(["text"])", "", "not a JSON object"},
      {R"("text")", "", "not a JSON object"},
      {R"({"text":"a")", "", "does not parse"},
      {"{\"text\":\"\xff\"}", "", "does not parse"},
      {"", "", "does not parse"},
  };
  for (const Case &c : cases) {
    std::string text, reason;
    bool found = textOfLine(c.line, text, reason);
    EXPECT_EQ(found, !*c.reason) << std::string(c.line).substr(0, 60);
    if (found)
      EXPECT_EQ(text, c.text);
    else
      EXPECT_NE(reason.find(c.reason), std::string::npos) << reason;
  }
}

TEST(Documents, SkipsCountsReports) {
  TestFolder folder;
  writeText(folder / "a.jsonl", "{\"text\":\"one\"}\nnonsense\n{\"url\":1}\n"
                                "{\"text\":\"two\"}\n");
  Documents documents({folder / "a.jsonl"});
  testing::internal::CaptureStderr();
  std::string text;
  EXPECT_TRUE(documents.next(text));
  EXPECT_TRUE(documents.next(text));
  EXPECT_EQ(text, "two");
  EXPECT_FALSE(documents.next(text));
  std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_EQ(documents.skippedLines(), 2);
  EXPECT_NE(errors.find("a.jsonl:2: the line does not parse as JSON"),
            std::string::npos)
      << errors;
  EXPECT_NE(errors.find("a.jsonl:3: the line has no \"text\""),
            std::string::npos);
  EXPECT_NE(errors.find("skipped 2 of 4 lines"), std::string::npos);
}

TEST(Documents, AllSkippedIsAnError) {
  TestFolder folder;
  writeText(folder / "a.jsonl", "1\n2\n");
  Documents documents({folder / "a.jsonl"});
  testing::internal::CaptureStderr();
  std::string text;
  EXPECT_THROW(documents.next(text), InputError);
  testing::internal::GetCapturedStderr();
}

TEST(Files, GlobSortsAndRefuses) {
  TestFolder folder;
  for (const char *name : {"b.jsonl", "a.jsonl", "c.txt"})
    writeText(folder / name, "x");
  EXPECT_EQ(expandGlob("--data", folder / "*.jsonl"),
            (std::vector<std::string>{folder / "a.jsonl", folder / "b.jsonl"}));
  EXPECT_THROW(expandGlob("--data", folder / "*.none"), InputError);
  EXPECT_THROW(expandGlob("--data", folder.path), InputError);
  // Opens, and cannot be read where it begins.
  EXPECT_THROW(hashWholeFiles({"/proc/self/mem"}, 1), InputError);
  EXPECT_THROW(dataFingerprint({folder / "gone"}), InputError);
  writeText(folder / "a.jsonl", "");
  EXPECT_THROW(expandGlob("--data", folder / "*.jsonl"), InputError);
}
