//===- Documents.cpp ------------------------------------------------------===//

#include "data/Documents.h"
#include "data/Chat.h"
#include "support/Errors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace mixln::rt;
using nlohmann::json;

namespace {

/// Keeps the top-level `text` and drops everything else while it is parsed, so
/// that neither a wide nor a deep line costs memory.
class TextFinder : public json::json_sax_t {
public:
  explicit TextFinder(std::string &text) : text(text) {}

  bool found = false;
  bool topIsObject = false;
  bool wrongType = false;
  std::string error;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(json::number_integer_t) override { return other(); }
  bool number_unsigned(json::number_unsigned_t) override { return other(); }
  bool number_float(json::number_float_t, const std::string &) override {
    return other();
  }
  bool binary(json::binary_t &) override { return other(); }
  bool string(std::string &value) override {
    if (depth == 1 && atText) {
      text.swap(value);
      found = true;
      wrongType = false;
    }
    atText = false;
    return true;
  }
  bool key(std::string &name) override {
    if (depth == 1)
      atText = name == "text";
    return true;
  }
  bool start_object(size_t) override {
    if (depth == 0)
      topIsObject = true;
    other();
    ++depth;
    return true;
  }
  bool end_object() override {
    --depth;
    return true;
  }
  bool start_array(size_t) override {
    other();
    ++depth;
    return true;
  }
  bool end_array() override {
    --depth;
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const json::exception &) override {
    error = cat("does not parse as JSON at column ", position);
    return false;
  }

private:
  bool other() {
    if (depth == 1 && atText) {
      found = false;
      wrongType = true;
    }
    if (depth == 1)
      atText = false;
    return true;
  }

  std::string &text;
  int64_t depth = 0;
  bool atText = false;
};

} // namespace

bool mixln::rt::textOfLine(std::string_view line, std::string &text,
                           std::string &reason) {
  TextFinder finder(text);
  bool parsed = json::sax_parse(line.begin(), line.end(), &finder);
  if (!parsed)
    reason = finder.error;
  else if (!finder.topIsObject)
    reason = "is not a JSON object";
  else if (finder.wrongType)
    reason = "has a \"text\" that is not a string";
  else if (!finder.found)
    reason = "has no \"text\"";
  else
    return true;
  return false;
}

Documents::Documents(std::vector<std::string> files, DataFormat format,
                     size_t bufferBytes)
    : files(std::move(files)), format(format), bufferBytes(bufferBytes),
      order(this->files.size()) {
  std::iota(order.begin(), order.end(), 0);
}

void Documents::begin(const std::vector<size_t> &newOrder, int64_t file,
                      int64_t line) {
  order = newOrder;
  if (order.empty()) {
    order.resize(files.size());
    std::iota(order.begin(), order.end(), 0);
  }
  firstPass = firstPass && found + skipped == 0;
  found = 0;
  skipped = 0;
  fromTheStart = file == 0 && line == 0;
  reader.reset();
  nextFile = std::min(static_cast<size_t>(file), files.size());
  if (line == 0 || nextFile == files.size())
    return;
  reader = std::make_unique<LineReader>(files[order[nextFile++]], bufferBytes);
  std::string_view skippedLine;
  while (line-- > 0)
    if (!reader->next(skippedLine))
      badInput(reader->path(), " has ", reader->lineNumber(),
               " lines, fewer than were read from it before");
}

bool Documents::next(std::string &text) {
  while (true) {
    if (!reader) {
      if (nextFile == files.size()) {
        reportPass();
        return false;
      }
      reader =
          std::make_unique<LineReader>(files[order[nextFile++]], bufferBytes);
    }
    std::string_view line;
    if (!reader->next(line)) {
      reader.reset();
      continue;
    }
    if (take(line, text)) {
      ++found;
      return true;
    }
  }
}

bool Documents::take(std::string_view line, std::string &text) {
  std::string reason;
  if (format == DataFormat::Text) {
    if (textOfLine(line, text, reason))
      return true;
    skip(reason);
    return false;
  }
  if (line.find_first_not_of(" \t\r") == std::string_view::npos)
    return false;
  std::vector<Turn> turns;
  if (!parseConversation(line, turns, reason))
    badInput(reader->path(), ":", reader->lineNumber(), ": the line ", reason);
  text = line;
  return true;
}

void Documents::skip(const std::string &reason) {
  ++skipped;
  constexpr int64_t kShown = 5;
  if (!firstPass || skipped > kShown)
    return;
  note(cat("skipped ", reader->path(), ":", reader->lineNumber(), ": the line ",
           reason));
  if (skipped == kShown)
    note("further skipped lines are only counted");
}

void Documents::reportPass() {
  if (found == 0 && fromTheStart)
    badInput("no document in ", files.front(),
             files.size() > 1 ? cat(" and ", files.size() - 1, " more files")
                              : std::string(),
             ": all ", skipped,
             " lines were skipped; expected JSON lines with a \"text\" (or"
             " --data_format chat for prompts and responses)");
  if (skipped > 0 && firstPass)
    note(cat("skipped ", skipped, " of ", found + skipped, " lines"));
}
