//===- Report.cpp - Files of run folders ----------------------------------===//
//
// The same bytes as every file of a folder: each has a reader of its own. Then
// the page, for which what was read becomes names, keys, tables and charts.
//
//===----------------------------------------------------------------------===//

#include "mixln/Report/Page.h"
#include "mixln/Report/Placements.h"

#include "Memory.h"

#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace mixln;
namespace fs = std::filesystem;

namespace {
/// A run folder that is gone with the process. Whole folders are read here, so
/// files in memory alone would not do.
struct Folder {
  fs::path path = fs::temp_directory_path() /
                  ("mixln-fuzz-report-" + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder;
  for (const char *name : {"run.json", "metrics.jsonl", "layers.jsonl",
                           "layers.json", "eval-books.json"})
    std::ofstream(folder.path / name, std::ios::binary)
        .write(reinterpret_cast<const char *>(data),
               static_cast<std::streamsize>(size));
  report::Run run;
  std::string error;
  fuzz::require(report::readRun(folder.path.string(), run, error),
                "a folder with run.json is a run");
  std::vector<report::Run> runs = {run, run};
  runs[0].name = "a";
  runs[1].name = "b";
  // A difference needs two placements.
  runs[1].placement += "other";
  report::tellPlacementsApart(runs);
  std::string page = report::renderPage(runs, report::PageOptions());
  fuzz::require(page.find("</html>") != std::string::npos, "a page has an end");
  return 0;
}
