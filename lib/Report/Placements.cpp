//===- Placements.cpp - Names of what is compared -------------------------===//

#include "mixln/Report/Placements.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <map>
#include <set>

using namespace mixln::report;
using nlohmann::ordered_json;

/// The value at a key of an object, or null.
static const ordered_json *find(const ordered_json &object, const char *key) {
  if (!object.is_object())
    return nullptr;
  auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

static std::string textAt(const ordered_json &about, const char *part,
                          const char *key) {
  const ordered_json *object = find(about, part);
  const ordered_json *value = object ? find(*object, key) : nullptr;
  return value && value->is_string() ? value->get<std::string>() : "";
}

std::string mixln::report::namePlacement(const ordered_json &about) {
  std::string name = textAt(about, "program", "norm");
  std::string kind = textAt(about, "config", "norm_kind");
  return kind.empty() ? name : name + ", " + kind;
}

/// What the norm file of a run says; empty for presets.
static std::string fileOf(const Run &run) {
  const ordered_json *config = find(run.about, "config");
  const ordered_json *spec = config ? find(*config, "norm_spec") : nullptr;
  return spec ? spec->dump(-1, ' ', false,
                           ordered_json::error_handler_t::replace)
              : "";
}

void mixln::report::tellPlacementsApart(std::vector<Run> &runs) {
  std::map<std::string, std::set<std::string>> files;
  for (const Run &run : runs)
    files[run.placement].insert(fileOf(run));
  for (Run &run : runs) {
    std::string file = fileOf(run);
    if (files[run.placement].size() < 2 || file.empty())
      continue;
    // By content: the name does not depend on which other runs are there.
    std::string hash =
        llvm::utohexstr(llvm::xxh3_64bits(file), /*LowerCase=*/true, 16);
    run.placement += ", file " + hash.substr(0, 6);
  }
}

std::vector<std::string>
mixln::report::placementsOf(const std::vector<Run> &runs) {
  std::vector<std::string> names;
  for (const Run &run : runs)
    if (!llvm::is_contained(names, run.placement))
      names.push_back(run.placement);
  return names;
}

/// The placements whose norm specification is `norm`.
static std::vector<std::string>
withNorm(const std::vector<std::string> &placements, llvm::StringRef norm) {
  std::vector<std::string> found;
  for (const std::string &placement : placements)
    if (llvm::StringRef(placement).split(", ").first == norm)
      found.push_back(placement);
  return found;
}

bool mixln::report::findBaseline(
    const std::vector<std::string> &placements,
    const std::vector<std::pair<std::string, std::string>> &aliases,
    const std::string &given, std::string &baseline, std::string &error) {
  std::set<std::string> meant;
  for (auto &[alias, placement] : aliases)
    if (alias == given)
      meant.insert(placement);
  std::vector<std::string> same = withNorm(placements, given);
  if (llvm::is_contained(placements, given))
    meant = {given};
  else if (meant.empty())
    meant.insert(same.begin(), same.end());
  if (meant.size() == 1) {
    baseline = *meant.begin();
    return true;
  }
  error = "is '" + given + "', expected one of " + llvm::join(placements, "; ");
  if (llvm::none_of(placements,
                    [](llvm::StringRef name) { return name.contains(", "); }))
    error =
        "is '" + given + "', expected one of " + llvm::join(placements, ", ");
  return false;
}

static const char defaults[] =
#define MIXLN_DEFAULTS
#include "EmbeddedPage.inc"
#undef MIXLN_DEFAULTS
    ;

std::string mixln::report::baselineOf(const std::vector<Run> &runs,
                                      const std::string &given) {
  if (!given.empty())
    return given;
  std::vector<std::string> placements = placementsOf(runs);
  auto usual = ordered_json::parse(defaults).at("baseline").get<std::string>();
  if (llvm::is_contained(placements, usual))
    return usual;
  std::vector<std::string> same = withNorm(placements, usual);
  return !same.empty()        ? same.front()
         : placements.empty() ? ""
                              : placements.front();
}
