//===- TestFiles.h - Files that tests need ----------------------*- C++ -*-===//

#ifndef MIXLN_TEST_RUNTIME_TESTFILES_H
#define MIXLN_TEST_RUNTIME_TESTFILES_H

#include "mixln-rt/program.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace mixln::rt {

/// An empty folder of the running test's own, removed with the object.
class TestFolder {
public:
  TestFolder();
  ~TestFolder();
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  /// Names in it, sorted.
  std::vector<std::string> list() const;

  std::string path;
};

void writeText(const std::string &path, const std::string &text);
std::string readText(const std::string &path);
std::string gzip(const std::string &text);

/// A sentencepiece model of 3 + 27 pieces: <pad>, </s>, <unk>, "▁", a to z;
/// and further pieces p0, p1, ... up to `pieces` in all.
std::string tinyTokenizer(int pieces = 30);

/// JSON lines, one a text.
std::string jsonLines(const std::vector<std::string> &texts);

/// Lines of words in a pattern that a bigram model can learn.
std::string learnableText(int lines);

/// The folder with shared real data (MIXLN_SHARED, or beside the sources), or
/// empty when there is none.
std::string sharedFolder();

/// Result of a command on the toy program, in this process.
struct CommandResult {
  int status;
  std::string output, errors;
};
CommandResult runToy(const std::vector<std::string> &arguments,
                     int64_t batchSize = 4, int64_t length = 16,
                     int64_t vocabSize = 64);
CommandResult runProgram(const Program &program,
                         const std::vector<std::string> &arguments);

} // namespace mixln::rt

#endif // MIXLN_TEST_RUNTIME_TESTFILES_H
