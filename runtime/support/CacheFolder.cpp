//===- CacheFolder.cpp ----------------------------------------------------===//

#include "support/CacheFolder.h"

#include <cstdlib>
#include <filesystem>

using namespace mixln::rt;

std::string mixln::rt::environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::string mixln::rt::userCacheFolder() {
  if (std::string base = environment("XDG_CACHE_HOME"); !base.empty())
    return base;
  if (std::string home = environment("HOME"); !home.empty())
    return home + "/.cache";
  std::error_code error;
  return std::filesystem::temp_directory_path(error).string();
}

std::string mixln::rt::cacheFolder() {
  std::string named = environment("MIXLN_CACHE_DIR");
  return named.empty() ? userCacheFolder() + "/mixln" : named;
}
