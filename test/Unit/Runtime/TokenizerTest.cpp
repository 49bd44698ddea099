//===- TokenizerTest.cpp --------------------------------------------------===//

#include "data/Tokenizer.h"
#include "TestFiles.h"
#include "data/Documents.h"
#include "support/Errors.h"

using namespace mixln::rt;

static std::vector<int> encode(const Tokenizer &tokenizer,
                               const std::string &text) {
  std::vector<int> ids;
  tokenizer.encode(text, ids);
  return ids;
}

TEST(Tokenizer, Tiny) {
  TestFolder folder;
  writeText(folder / "t.model", tinyTokenizer(40));
  Tokenizer tokenizer(folder / "t.model");
  EXPECT_EQ(tokenizer.endOfDocument(), 1);
  EXPECT_EQ(tokenizer.vocabSize(), 40);
  EXPECT_EQ(encode(tokenizer, "ab c"), (std::vector<int>{3, 4, 5, 3, 6}));
  EXPECT_NO_THROW(tokenizer.checkFits(40));
  EXPECT_THROW(tokenizer.checkFits(39), InputError);
}

TEST(Tokenizer, BadFiles) {
  TestFolder folder;
  EXPECT_THROW(Tokenizer(folder / "missing"), InputError);
  EXPECT_THROW(Tokenizer(folder.path), InputError);
  writeText(folder / "empty", "");
  EXPECT_THROW(Tokenizer(folder / "empty"), InputError);
  writeText(folder / "text", "{\"a\": 1}\n");
  EXPECT_THROW(Tokenizer(folder / "text"), InputError);
  std::string model = tinyTokenizer();
  writeText(folder / "cut", model.substr(0, model.size() - 3));
  EXPECT_THROW(Tokenizer(folder / "cut"), InputError);
}

static std::string t5() {
  std::string shared = sharedFolder();
  return shared.empty() ? "" : shared + "/data/tokenizer/t5/spiece.model";
}

// What sentencepiece's own spm_encode gives.
TEST(Tokenizer, T5Encodings) {
  if (t5().empty())
    GTEST_SKIP() << "no shared data (MIXLN_SHARED)";
  Tokenizer tokenizer(t5());
  EXPECT_EQ(tokenizer.endOfDocument(), 1);
  EXPECT_EQ(tokenizer.vocabSize(), 32000);
  struct Case {
    const char *text;
    std::vector<int> ids;
  };
  const Case cases[] = {
      {"Hello, world!", {8774, 6, 296, 55}},
      {"  two  spaces  ", {192, 4856}},
      {"translate English to German: That is good.",
       {13959, 1566, 12, 2968, 10, 466, 19, 207, 5}},
      {"naïve café — ½ ﬁne",
       {3, 29, 9, 2, 162, 11949, 3, 318, 209, 2, 357, 1399}},
      {"日本語", {3, 2}},
      {"Beginners BBQ Class Taking Place in Missoula! Do you want to get "
       "better at making delicious BBQ?",
       {12847, 277, 15068, 4501, 3,   12297, 3399, 16,  5964, 7115,  9, 55,
        531,   25,  241,   12,   129, 394,   44,   492, 3326, 15068, 58}},
  };
  for (const Case &c : cases)
    EXPECT_EQ(encode(tokenizer, c.text), c.ids) << c.text;
}

TEST(Tokenizer, C4ValidationCounts) {
  if (t5().empty())
    GTEST_SKIP() << "no shared data (MIXLN_SHARED)";
  Tokenizer tokenizer(t5());
  Documents documents(
      {sharedFolder() + "/data/c4/c4-sample.validation.json.gz"});
  std::string text;
  std::vector<int> ids;
  int64_t docs = 0, tokens = 0, unknown = 0;
  while (documents.next(text)) {
    tokenizer.encode(text, ids);
    ++docs;
    tokens += ids.size();
    unknown += std::count(ids.begin(), ids.end(), 2);
  }
  EXPECT_EQ(docs, 336);
  EXPECT_EQ(tokens, 194015);
  EXPECT_EQ(unknown, 90);
}
