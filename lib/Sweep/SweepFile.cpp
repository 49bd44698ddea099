//===- SweepFile.cpp - Reading sweep files --------------------------------===//

#include "mixln/Sweep/SweepFile.h"
#include "mixln/Frontend/Json.h"
#include "mixln/Pipelines/CompileFlags.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"

#include <set>

using namespace mixln;
using namespace mixln::sweep;
using llvm::StringRef;
using llvm::Twine;

static constexpr size_t kMostRuns = 10000;

const std::string *mixln::sweep::findFlag(const FlagList &flags,
                                          const std::string &name) {
  for (auto &[key, value] : flags)
    if (key == name)
      return &value;
  return nullptr;
}

std::vector<std::string> mixln::sweep::argumentsOf(const FlagList &flags) {
  std::vector<std::string> arguments;
  for (auto &[name, value] : flags)
    if (value == "true")
      arguments.push_back("--" + name);
    else if (value != "false")
      arguments.insert(arguments.end(), {"--" + name, value});
  return arguments;
}

static void setFlag(FlagList &flags, const std::string &name,
                    const std::string &value) {
  for (auto &[key, old] : flags)
    if (key == name) {
      old = value;
      return;
    }
  flags.emplace_back(name, value);
}

namespace {
class Reader {
public:
  Reader(StringRef file, std::string &error) : file(file), error(error) {}

  bool read(const Json &root, const FlagList &extra, Sweep &sweep);

private:
  bool fail(const Twine &where, const Twine &message) {
    error = (file + ": " + where + ": " + message).str();
    return false;
  }
  bool wrong(const Twine &where, const Json &found, const char *expected) {
    return fail(where, "is " + describe(found) + ", expected " + expected);
  }
  bool checkKeys(const Json &root);
  bool text(const Json &root, const char *key, std::string &into);
  bool flagValue(const Twine &where, const Json &value, std::string &into);
  bool flagName(const Twine &where, const std::string &spelled,
                std::string &into);
  bool flagObject(const Twine &where, const Json &object, FlagList &into);
  bool vary(const Json &root);
  bool cases(const Json &root);
  bool afterwards(const Json &root, Sweep &sweep);
  bool noneTwice(const FlagList &fixed);
  bool expand(const FlagList &fixed, Sweep &sweep);

  StringRef file;
  std::string &error;
  std::vector<std::pair<std::string, std::vector<std::string>>> varied;
  std::vector<FlagList> caseFlags;
};
} // namespace

bool Reader::checkKeys(const Json &root) {
  static const std::vector<std::string> known = {
      "title", "out",   "baseline", "flags",
      "vary",  "cases", "evaluate", "layers"};
  for (auto &[key, value] : root.items())
    if (!llvm::is_contained(known, key))
      return fail(key, "unknown key" + suggest(key, known) + ", expected " +
                           llvm::join(known, ", "));
  return true;
}

bool Reader::text(const Json &root, const char *key, std::string &into) {
  if (!root.contains(key))
    return true;
  if (!root[key].is_string() || root[key].get<std::string>().empty())
    return wrong(key, root[key], "a text");
  into = root[key].get<std::string>();
  return true;
}

bool Reader::flagValue(const Twine &where, const Json &value,
                       std::string &into) {
  if (value.is_string())
    into = value.get<std::string>();
  else if (value.is_number() || value.is_boolean())
    into = value.dump();
  else
    return wrong(where, value, "a text, a number or a truth value");
  return into.empty() ? wrong(where, value, "a value that is not empty") : true;
}

bool Reader::flagName(const Twine &where, const std::string &spelled,
                      std::string &into) {
  into = canonicalFlag(spelled);
  // Other synonyms of the runtime that could hide a flag given twice.
  if (into == "learning_rate")
    into = "lr";
  else if (into == "steps" || into == "max_steps")
    into = "num_training_steps";
  for (const char *own : {"save_dir", "resume"})
    if (into == own)
      return fail(where, "is set by the sweep itself: every run has its folder "
                         "below \"out\" and is resumed there");
  return true;
}

bool Reader::flagObject(const Twine &where, const Json &object,
                        FlagList &into) {
  if (!object.is_object())
    return wrong(where, object, "an object of flags");
  std::string place = where.str();
  for (auto &[key, value] : object.items()) {
    std::string name, text;
    if (!flagName(place + "." + key, key, name) ||
        !flagValue(place + "." + key, value, text))
      return false;
    if (findFlag(into, name))
      return fail(place + "." + key, "is there twice");
    into.emplace_back(name, text);
  }
  return true;
}

bool Reader::vary(const Json &root) {
  if (!root.contains("vary"))
    return true;
  if (!root["vary"].is_object())
    return wrong("vary", root["vary"], "an object of lists of values");
  for (auto &[key, list] : root["vary"].items()) {
    std::string where = "vary." + key, name;
    if (!flagName(where, key, name))
      return false;
    if (!list.is_array() || list.empty())
      return wrong(where, list, "a list of at least one value");
    std::vector<std::string> values;
    for (size_t i = 0; i < list.size(); ++i) {
      std::string at = where + "[" + std::to_string(i) + "]", value;
      if (!flagValue(at, list[i], value))
        return false;
      if (llvm::is_contained(values, value))
        return fail(at, describe(list[i]) + " is there twice");
      values.push_back(value);
    }
    for (auto &[other, unused] : varied)
      if (other == name)
        return fail(where, "is there twice");
    varied.emplace_back(name, std::move(values));
  }
  return true;
}

bool Reader::cases(const Json &root) {
  if (!root.contains("cases")) {
    caseFlags.emplace_back();
    return true;
  }
  const Json &list = root["cases"];
  if (!list.is_array() || list.empty())
    return wrong("cases", list, "a list of at least one object of flags");
  for (size_t i = 0; i < list.size(); ++i) {
    caseFlags.emplace_back();
    if (!flagObject("cases[" + std::to_string(i) + "]", list[i],
                    caseFlags.back()))
      return false;
  }
  return true;
}

bool Reader::afterwards(const Json &root, Sweep &sweep) {
  if (root.contains("layers")) {
    sweep.measuresLayers = true;
    if (!flagObject("layers", root["layers"], sweep.layers))
      return false;
  }
  if (!root.contains("evaluate"))
    return true;
  if (!root["evaluate"].is_object())
    return wrong("evaluate", root["evaluate"],
                 "an object of names, each with the flags of eval");
  for (auto &[name, flags] : root["evaluate"].items()) {
    std::string where = "evaluate." + name;
    if (name.empty() || !llvm::all_of(name, [](char c) {
          return llvm::isAlnum(c) || c == '_' || c == '-';
        }))
      return fail(where,
                  "is not a name, expected letters, digits, '_' and '-'");
    FlagList list;
    if (!flagObject(where, flags, list))
      return false;
    if (!findFlag(list, "data"))
      return fail(where, "lacks data: the text to evaluate on");
    sweep.evaluations.emplace_back(name, std::move(list));
  }
  return true;
}

/// A flag stands in one place only, so that no one has to guess which holds.
bool Reader::noneTwice(const FlagList &fixed) {
  for (auto &[name, values] : varied) {
    if (findFlag(fixed, name))
      return fail("vary." + name, "is a flag of all runs as well (\"flags\" or "
                                  "the command line)");
    for (size_t i = 0; i < caseFlags.size(); ++i)
      if (findFlag(caseFlags[i], name))
        return fail("cases[" + Twine(i) + "]." + name,
                    "is in \"vary\" as well");
  }
  for (size_t i = 0; i < caseFlags.size(); ++i)
    for (auto &[name, value] : caseFlags[i])
      if (findFlag(fixed, name))
        return fail("cases[" + Twine(i) + "]." + name,
                    "is a flag of all runs as well (\"flags\" or the command "
                    "line)");
  return true;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

/// A value as part of a folder's name.
static std::string nameOf(StringRef value) {
  std::string out;
  for (char c : value)
    if (llvm::isAlnum(c) || c == '.' || c == '_' || c == '+' || c == '-')
      out += c;
    else
      out += c == '%' ? "pct" : "-";
  return out;
}

static std::string folderName(const FlagList &varied) {
  std::string name;
  for (auto &[flag, value] : varied) {
    // Of a file the name says enough.
    StringRef text = value;
    if (text.ends_with(".json") || text.contains(".json:"))
      text = llvm::sys::path::filename(text);
    name += (name.empty() ? "" : ",") + flag + "=" + nameOf(text);
  }
  constexpr size_t kLongest = 160;
  if (name.size() > kLongest)
    name = name.substr(0, kLongest) + "-" +
           llvm::utohexstr(llvm::xxh3_64bits(name), /*LowerCase=*/true);
  return name.empty() ? "run" : name;
}

bool Reader::expand(const FlagList &fixed, Sweep &sweep) {
  size_t count = caseFlags.size();
  for (auto &[name, values] : varied)
    if ((count *= values.size()) > kMostRuns)
      return fail("vary", "gives more than " + Twine(kMostRuns) + " runs");
  // What all cases share does not tell runs apart.
  std::set<std::string> shared;
  for (auto &[name, value] : caseFlags.front())
    if (llvm::all_of(caseFlags, [&, &flag = name, &of = value](auto &one) {
          const std::string *other = findFlag(one, flag);
          return other && *other == of;
        }))
      shared.insert(name);
  std::set<std::string> names;
  for (size_t k = 0; k < count; ++k) {
    RunPlan run;
    run.flags = fixed;
    size_t rest = k;
    FlagList combination;
    for (auto &[name, values] : llvm::reverse(varied)) {
      combination.emplace_back(name, values[rest % values.size()]);
      rest /= values.size();
    }
    for (auto &[name, value] : caseFlags[rest]) {
      run.flags.emplace_back(name, value);
      if (!shared.count(name))
        run.varied.emplace_back(name, value);
    }
    for (auto &entry : llvm::reverse(combination)) {
      run.flags.push_back(entry);
      run.varied.push_back(entry);
    }
    run.name = folderName(run.varied);
    if (!names.insert(run.name).second)
      return fail(rest == 0 && caseFlags.size() == 1 ? "vary" : "cases",
                  "two runs would have the folder " + run.name);
    sweep.runs.push_back(std::move(run));
  }
  return true;
}

bool Reader::read(const Json &root, const FlagList &extra, Sweep &sweep) {
  FlagList fixed;
  if (!checkKeys(root) || !text(root, "title", sweep.title) ||
      !text(root, "out", sweep.out) ||
      !text(root, "baseline", sweep.baseline) ||
      (root.contains("flags") && !flagObject("flags", root["flags"], fixed)) ||
      !vary(root) || !cases(root) || !afterwards(root, sweep))
    return false;
  for (auto &[spelled, value] : extra) {
    std::string name;
    if (!flagName("--" + spelled, spelled, name))
      return false;
    setFlag(fixed, name, value);
  }
  return noneTwice(fixed) && expand(fixed, sweep);
}

bool mixln::sweep::readSweep(const std::string &path, const FlagList &extra,
                             Sweep &sweep, std::string &error) {
  auto text = readTextFile(path, error);
  if (failed(text))
    return false;
  auto root = parseJson(*text, path, error);
  if (failed(root))
    return false;
  return Reader(path, error).read(*root, extra, sweep);
}
