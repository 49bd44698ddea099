//===- Json.cpp - Reading JSON that strangers wrote -----------------------===//

#include "mixln/Frontend/Json.h"
#include "mixln/Support/NearestName.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/FileSystem.h"

#include <cerrno>
#include <cstring>
#include <fstream>

using namespace llvm;
using mlir::FailureOr;

static constexpr uint64_t kMaxBytes = 1 << 20;
static constexpr int kMaxNesting = 64;
/// Keys of an object are compared with each other.
static constexpr unsigned kMaxKeys = 1024;

FailureOr<std::string> mixln::readTextFile(StringRef path, std::string &error) {
  sys::fs::file_status status;
  if (std::error_code code = sys::fs::status(path, status)) {
    error = (path + ": " + StringRef(code.message()).lower()).str();
    return failure();
  }
  if (sys::fs::is_directory(status)) {
    error = (path + ": is a folder, expected a JSON file").str();
    return failure();
  }
  if (status.getSize() > kMaxBytes) {
    error = (path + ": has " + Twine(status.getSize()) +
             " bytes, expected a JSON file of at most " + Twine(kMaxBytes))
                .str();
    return failure();
  }
  // What has no size, such as a pipe, is read up to the limit.
  std::ifstream file(path.str(), std::ios::binary);
  std::string text(kMaxBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file) {
    error = (path + ": is longer than " + Twine(kMaxBytes) +
             " bytes, expected a JSON file")
                .str();
    return failure();
  }
  if (!file.eof()) {
    error = (path + ": " + StringRef(std::strerror(errno)).lower()).str();
    return failure();
  }
  text.resize(file.gcount());
  return text;
}

/// "FILE: line L, column C" of a byte.
static std::string position(StringRef text, StringRef file, size_t byte) {
  StringRef before = text.take_front(byte);
  size_t line = before.count('\n') + 1;
  size_t newline = before.rfind('\n');
  size_t column = newline == StringRef::npos ? byte : byte - newline - 1;
  return (file + ": line " + Twine(line) + ", column " + Twine(column + 1))
      .str();
}

/// What is too deep or too wide, with the byte at which it becomes so.
static std::optional<std::pair<size_t, std::string>> tooLarge(StringRef text) {
  int depth = 0;
  bool inString = false;
  SmallVector<unsigned> commas(kMaxNesting + 1);
  SmallVector<bool> isObject(kMaxNesting + 1);
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxNesting)
        return std::pair(i, "nested deeper than " +
                                std::to_string(kMaxNesting) + " levels");
      commas[depth] = 0;
      isObject[depth] = c == '{';
    } else if (c == '}' || c == ']') {
      depth -= depth > 0;
    } else if (c == ',' && isObject[depth] && ++commas[depth] >= kMaxKeys) {
      return std::pair(i, "an object of more than " + std::to_string(kMaxKeys) +
                              " keys");
    }
  }
  return std::nullopt;
}

FailureOr<mixln::Json> mixln::parseJson(StringRef text, StringRef file,
                                        std::string &error) {
  if (text.size() > kMaxBytes) {
    error = (file + ": has " + Twine(text.size()) +
             " bytes, expected at most " + Twine(kMaxBytes))
                .str();
    return failure();
  }
  if (text.trim().empty()) {
    error = (file + ": is empty, expected a JSON object").str();
    return failure();
  }
  if (auto problem = tooLarge(text)) {
    error = position(text, file, problem->first) + ": " + problem->second;
    return failure();
  }
  try {
    Json value = Json::parse(text.begin(), text.end());
    if (!value.is_object()) {
      error =
          (file + ": is " + describe(value) + ", expected a JSON object").str();
      return failure();
    }
    return value;
  } catch (const Json::parse_error &e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2:
    // syntax error while parsing ...": the position is computed here, since
    // not every version gives it.
    StringRef message(e.what());
    size_t reason = message.find("syntax error");
    if (reason == StringRef::npos)
      reason =
          message.rfind(": ") == StringRef::npos ? 0 : message.rfind(": ") + 2;
    error = position(text, file, e.byte > 0 ? e.byte - 1 : 0) +
            ": is not JSON: " + message.drop_front(reason).str();
    return failure();
  } catch (const Json::exception &e) {
    error = (file + ": is not JSON: " + e.what()).str();
    return failure();
  }
}

std::string mixln::describe(const Json &value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60)
    text = text.substr(0, 57) + "...";
  switch (value.type()) {
  case Json::value_t::null:
    return "null";
  case Json::value_t::object:
    return text + " (an object)";
  case Json::value_t::array:
    return text + " (a list)";
  case Json::value_t::string:
    return text + " (a string)";
  case Json::value_t::boolean:
    return text + " (a truth value)";
  default:
    return text;
  }
}

std::string mixln::suggest(StringRef name, ArrayRef<std::string> candidates) {
  constexpr size_t longest = 64;
  if (name.size() > longest)
    return "";
  auto near = nearestName(name, SmallVector<StringRef>(candidates));
  return near ? " (did you mean '" + *near + "'?)" : "";
}
