//===- C4.cpp -------------------------------------------------------------===//

#include "datatool/C4.h"
#include "checkpoint/FolderLock.h"
#include "checkpoint/OutputFile.h"
#include "data/Documents.h"
#include "data/LineReader.h"
#include "datatool/Curl.h"
#include "support/CacheFolder.h"
#include "support/Errors.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <sys/statvfs.h>
#include <tuple>
#include <unistd.h>

using namespace mixln::rt;
namespace fs = std::filesystem;

namespace {

struct Split {
  const char *name;
  int64_t shards;
  double usualBytes; ///< of a shard
};

constexpr Split splits[] = {{"train", 1024, 319e6}, {"validation", 8, 40.5e6}};

} // namespace

static const Split *findSplit(const std::string &name) {
  for (const Split &split : splits)
    if (name == split.name)
      return &split;
  return nullptr;
}

/// "40.5 MB"
static std::string sizeText(double bytes) {
  char text[32];
  if (bytes >= 1e9)
    std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  else if (bytes >= 1e6)
    std::snprintf(text, sizeof text, "%.1f MB", bytes / 1e6);
  else
    std::snprintf(text, sizeof text, "%.0f bytes", bytes);
  return text;
}

std::string C4Shard::name() const {
  char text[80];
  const Split *one = findSplit(split);
  std::snprintf(text, sizeof text, "c4-%s.%05lld-of-%05lld.json.gz",
                split.c_str(), static_cast<long long>(number),
                static_cast<long long>(one ? one->shards : 0));
  return text;
}

bool C4Shard::operator<(const C4Shard &other) const {
  return std::tie(split, number) < std::tie(other.split, other.number);
}

//===----------------------------------------------------------------------===//
// What is there
//===----------------------------------------------------------------------===//

std::string mixln::rt::c4Folder() { return cacheFolder() + "/c4"; }

/// The first that is set says where the hub's cache is.
static std::string hubCache() {
  for (const char *name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (std::string folder = environment(name); !folder.empty())
      return folder;
  std::string home = environment("HF_HOME");
  return (home.empty() ? userCacheFolder() + "/huggingface" : home) + "/hub";
}

std::map<C4Shard, std::string> mixln::rt::findC4(const std::string &folder) {
  std::vector<std::string> places = {folder};
  std::error_code error;
  std::vector<std::string> snapshots;
  for (const auto &entry : fs::directory_iterator(
           hubCache() + "/datasets--allenai--c4/snapshots", error))
    snapshots.push_back(entry.path().string() + "/en");
  std::sort(snapshots.begin(), snapshots.end());
  places.insert(places.end(), snapshots.begin(), snapshots.end());
  std::map<C4Shard, std::string> found;
  for (const std::string &place : places)
    for (const Split &split : splits)
      for (int64_t i = 0; i < split.shards; ++i) {
        C4Shard shard{split.name, i};
        std::string path = place + "/" + shard.name();
        // Entries of the cache are links to files that may be gone.
        if (!found.count(shard) && fs::is_regular_file(path, error))
          found.emplace(shard, path);
      }
  return found;
}

int mixln::rt::listC4(const std::string &folder) {
  std::map<C4Shard, std::string> found = findC4(folder);
  std::error_code error;
  for (auto &[shard, path] : found)
    std::printf("%-10s %5lld  %9s  %s\n", shard.split.c_str(),
                static_cast<long long>(shard.number),
                sizeText(double(fs::file_size(path, error))).c_str(),
                path.c_str());
  for (const Split &split : splits) {
    auto here = std::count_if(found.begin(), found.end(), [&](auto &one) {
      return one.first.split == split.name;
    });
    std::printf("%-10s %lld of %lld shards are here; one has about %s, all "
                "%s; --fetch %s[:FIRST-LAST] puts them into %s\n",
                split.name, static_cast<long long>(here),
                static_cast<long long>(split.shards),
                sizeText(split.usualBytes).c_str(),
                sizeText(split.usualBytes * double(split.shards)).c_str(),
                split.name, folder.c_str());
  }
  return ExitDone;
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

ShardContent mixln::rt::verifyShard(const std::string &path) {
  LineReader lines(path);
  ShardContent content;
  std::string text, reason;
  for (std::string_view line; lines.next(line);) {
    if (!textOfLine(line, text, reason))
      badInput(path, ":", lines.lineNumber(), ": the line ", reason);
    ++content.documents;
    content.textBytes += static_cast<int64_t>(text.size());
  }
  return content;
}

int mixln::rt::verifyC4(const std::vector<std::string> &paths) {
  int64_t bad = 0;
  for (const std::string &path : paths) {
    try {
      ShardContent content = verifyShard(path);
      std::printf("%s: whole, %lld documents, %s of text\n", path.c_str(),
                  static_cast<long long>(content.documents),
                  sizeText(double(content.textBytes)).c_str());
    } catch (const InputError &error) {
      std::printf("%s: BAD: %s\n", path.c_str(), error.what());
      ++bad;
    }
    std::fflush(stdout);
  }
  if (bad > 0)
    badInput(bad, " of ", paths.size(), " shards are bad");
  return ExitDone;
}

//===----------------------------------------------------------------------===//
// Fetching
//===----------------------------------------------------------------------===//

static bool parseNumber(std::string_view text, int64_t &value) {
  auto [stop, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && stop == text.data() + text.size();
}

std::vector<C4Shard> mixln::rt::parseC4Range(const std::string &flag,
                                             const std::string &text) {
  size_t colon = text.find(':');
  const Split *split = findSplit(text.substr(0, colon));
  if (!split)
    badInput(flag, " is '", text,
             "', expected train or validation, :N or "
             ":FIRST-LAST after it, or any");
  int64_t first = 0, last = split->shards - 1;
  if (colon != std::string::npos) {
    std::string range = text.substr(colon + 1);
    size_t dash = range.find('-');
    bool well = parseNumber(range.substr(0, dash), first);
    last = first;
    if (dash != std::string::npos)
      well = well && parseNumber(range.substr(dash + 1), last);
    if (!well || first < 0 || last < first || last >= split->shards)
      badInput(flag, " is '", text, "', expected numbers from 0 to ",
               split->shards - 1, ", FIRST not above LAST");
  }
  std::vector<C4Shard> shards;
  for (int64_t i = first; i <= last; ++i)
    shards.push_back({split->name, i});
  return shards;
}

static std::string addressOf(const C4Shard &shard) {
  std::string base = environment("MIXLN_C4_URL");
  if (base.empty())
    base = "https://huggingface.co/datasets/allenai/c4/resolve/main";
  return base + "/en/" + shard.name();
}

static void checkSpace(const std::string &folder, double needed) {
  struct statvfs status;
  if (statvfs(folder.c_str(), &status) != 0)
    return;
  double room = double(status.f_bavail) * double(status.f_frsize);
  if (needed > room)
    badInput("the shards to fetch have ", sizeText(needed), ", ", folder,
             " has room for ", sizeText(room));
}

/// Fetches under another name; the shard appears when it is whole.
static std::string fetchShard(const C4Shard &shard, const std::string &folder) {
  std::string url = addressOf(shard), path = folder + "/" + shard.name();
  int64_t size = remoteSize(url);
  checkSpace(folder, double(size));
  note(cat("fetching ", shard.name(), ", ", sizeText(double(size)), ", into ",
           folder));
  // It ends in .gz, so that it has to be gzip.
  std::string part = folder + "/.part." + shard.name();
  download(url, part, size);
  std::error_code error;
  try {
    verifyShard(part);
  } catch (const InputError &damage) {
    fs::remove(part, error);
    runFailed("what came from ", url,
              " is damaged and was removed: ", damage.what());
  }
  fs::rename(part, path, error);
  if (error)
    writeFailed("cannot write ", path, ": ", systemError(error.value()));
  syncFolder(folder);
  return path;
}

int mixln::rt::fetchC4(const std::string &what, const std::string &folder) {
  std::map<C4Shard, std::string> found = findC4(folder);
  std::vector<C4Shard> shards;
  if (what != "any")
    shards = parseC4Range("--fetch", what);
  else if (found.empty())
    shards.push_back({"validation", 0});
  else // the smaller split, where there are both
    shards.push_back(found.rbegin()->first);
  double missing = 0;
  for (const C4Shard &shard : shards)
    if (!found.count(shard))
      missing += findSplit(shard.split)->usualBytes;
  std::unique_ptr<FolderLock> lock;
  if (missing > 0) {
    checkWritableFolder(folder);
    // Two at a time would write into one part.
    lock = std::make_unique<FolderLock>(folder,
                                        "another process fetches files into");
    // One shard is measured by what its server says.
    if (shards.size() > 1)
      checkSpace(folder, missing);
  }
  for (const C4Shard &shard : shards) {
    std::string path;
    if (auto here = found.find(shard); here != found.end()) {
      path = here->second;
      try {
        verifyShard(path);
      } catch (const InputError &damage) {
        badInput(damage.what(), "; remove ", path,
                 " and give the command again, which fetches it");
      }
      note(cat(shard.name(), " is here and whole"));
    } else {
      path = fetchShard(shard, folder);
    }
    std::printf("%s\n", path.c_str());
    std::fflush(stdout);
  }
  return ExitDone;
}
