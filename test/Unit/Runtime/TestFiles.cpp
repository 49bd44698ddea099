//===- TestFiles.cpp ------------------------------------------------------===//

#include "TestFiles.h"
#include "Toy.h"
#include "cli/Commands.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

using namespace mixln::rt;
namespace fs = std::filesystem;

/// In memory where that is possible: runs sync their files, which takes long on
/// a busy disk.
static fs::path temporaryFolder() {
  struct statvfs status;
  if (!std::getenv("TMPDIR") && statvfs("/dev/shm", &status) == 0 &&
      !(status.f_flag & (ST_NOEXEC | ST_RDONLY)) &&
      status.f_bavail * status.f_frsize > (size_t(512) << 20) &&
      access("/dev/shm", W_OK) == 0)
    return "/dev/shm";
  return fs::temp_directory_path();
}

TestFolder::TestFolder() {
  std::string name = temporaryFolder() / "mixln-test-XXXXXX";
  path = mkdtemp(name.data());
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::vector<std::string> TestFolder::list() const {
  std::vector<std::string> names;
  for (const auto &entry : fs::directory_iterator(path))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

void mixln::rt::writeText(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string mixln::rt::readText(const std::string &path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

std::string mixln::rt::gzip(const std::string &text) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(text.data()));
  stream.avail_in = text.size();
  stream.next_out = reinterpret_cast<Bytef *>(out.data());
  stream.avail_out = out.size();
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

// A field of a protocol buffer whose contents have a length.
static std::string field(int number, const std::string &contents) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  size_t size = contents.size();
  for (; size >= 128; size >>= 7)
    out.push_back(static_cast<char>((size & 127) | 128));
  out.push_back(static_cast<char>(size));
  return out + contents;
}

std::string mixln::rt::tinyTokenizer(int pieces) {
  enum { Normal = 1, Unknown = 2, Control = 3 };
  std::string model;
  auto add = [&](const std::string &piece, float score, int type) {
    std::string body = field(1, piece);
    char bytes[4];
    std::memcpy(bytes, &score, 4);
    body += std::string(1, 2 << 3 | 5) + std::string(bytes, 4);
    body += std::string(1, 3 << 3) + std::string(1, static_cast<char>(type));
    model += field(1, body);
  };
  add("<pad>", 0, Control);
  add("</s>", 0, Control);
  add("<unk>", 0, Unknown);
  add("\xe2\x96\x81", -2, Normal);
  for (char c = 'a'; c <= 'z'; ++c)
    add(std::string(1, c), -3, Normal);
  for (int i = 0; i < pieces - 30; ++i)
    add("p" + std::to_string(i), -9, Normal);
  return model;
}

std::string mixln::rt::jsonLines(const std::vector<std::string> &texts) {
  std::string out;
  for (const std::string &text : texts)
    out += nlohmann::json{{"text", text}, {"url", "x"}}.dump() + "\n";
  return out;
}

std::string mixln::rt::learnableText(int lines) {
  static const char *const words[] = {"the", "cat", "sat", "on",
                                      "a",   "mat", "and", "ran"};
  std::vector<std::string> texts;
  unsigned state = 1;
  for (int i = 0; i < lines; ++i) {
    std::string text;
    for (int j = 0; j < 6; ++j) {
      state = state * 1664525u + 1013904223u;
      text += std::string(j ? " " : "") + words[state >> 29];
    }
    texts.push_back(text);
  }
  return jsonLines(texts);
}

std::string mixln::rt::sharedFolder() {
  if (const char *named = std::getenv("MIXLN_SHARED"))
    return named;
  std::string beside = std::string(MIXLN_SOURCE_DIR) + "/../shared";
  return fs::exists(beside + "/data") ? beside : "";
}

CommandResult mixln::rt::runProgram(const Program &program,
                                    const std::vector<std::string> &arguments) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  CommandResult result;
  result.status = runExecutable(
      {program, toy::kernels, toy::kernelCount, "toy"}, arguments);
  result.output = testing::internal::GetCapturedStdout();
  result.errors = testing::internal::GetCapturedStderr();
  return result;
}

CommandResult mixln::rt::runToy(const std::vector<std::string> &arguments,
                                int64_t batchSize, int64_t length,
                                int64_t vocabSize) {
  return runProgram(toy::makeProgram(batchSize, length, vocabSize), arguments);
}
