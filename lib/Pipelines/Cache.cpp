//===- Cache.cpp - Compiled executables by what made them -----------------===//

#include "mixln/Pipelines/Cache.h"
#include "mixln/Pipelines/CompileFlags.h"
#include "support/CacheFolder.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/TargetParser/Host.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace llvm;
using namespace mixln;

std::string mixln::prepareCacheDirectory(StringRef directory) {
  if (auto error =
          sys::fs::create_directories(directory, true, sys::fs::owner_all))
    return ("cannot create cache folder " + directory + ": " + error.message())
        .str();
  struct stat status;
  if (lstat(directory.str().c_str(), &status) != 0)
    return ("cannot read cache folder " + directory).str();
  if (!S_ISDIR(status.st_mode))
    return ("cache folder " + directory +
            " is not a folder; set MIXLN_CACHE_DIR to another")
        .str();
  // An executable from there is run: nobody else may have put it there.
  if (status.st_uid != geteuid())
    return ("cache folder " + directory + " belongs to user " +
            Twine(status.st_uid) + ", expected " + Twine(geteuid()) +
            "; set MIXLN_CACHE_DIR to another")
        .str();
  if (status.st_mode & (S_IWGRP | S_IWOTH))
    return ("cache folder " + directory +
            " is writable by others; run chmod 700 on it")
        .str();
  return {};
}

std::string mixln::checkCachedExecutable(StringRef path) {
  struct stat status;
  if (lstat(path.str().c_str(), &status) != 0)
    return {};
  if (!S_ISREG(status.st_mode))
    return ("cached executable " + path + " is not a file; remove it").str();
  if (status.st_uid != geteuid())
    return ("cached executable " + path + " belongs to user " +
            Twine(status.st_uid) + ", expected " + Twine(geteuid()) +
            "; remove it")
        .str();
  return {};
}

namespace {
/// Fields with their lengths, so that no two lists of them hash alike.
class KeyHash {
public:
  void add(StringRef field) {
    hash.update(std::to_string(field.size()) + ":");
    hash.update(field);
  }
  void add(int64_t number) { add(StringRef(std::to_string(number))); }
  std::string addFile(StringRef path) {
    auto buffer = MemoryBuffer::getFile(path);
    if (!buffer)
      return ("cannot read " + path + ": " + buffer.getError().message()).str();
    add((*buffer)->getBuffer());
    return {};
  }
  std::string finish() {
    return toHex(ArrayRef<uint8_t>(hash.final()), /*LowerCase=*/true)
        .substr(0, 32);
  }

private:
  SHA256 hash;
};
} // namespace

std::string mixln::getCacheKey(const CompileOptions &options,
                               std::string &error) {
  KeyHash key;
  SmallString<128> runtime(
      sys::path::parent_path(sys::path::parent_path(options.toolPath)));
  sys::path::append(runtime, "lib", "libmixln_rt.a");
  for (StringRef file : {StringRef(options.input), StringRef(options.toolPath),
                         StringRef(runtime)})
    if (error = key.addFile(file); !error.empty())
      return {};
  key.add(options.norm);
  // A norm file, and one with its K.
  for (StringRef path :
       {StringRef(options.norm), StringRef(options.norm).rsplit(':').first})
    if (sys::fs::is_regular_file(path))
      if (error = key.addFile(path); !error.empty())
        return {};
  key.add(options.measure);
  if (!options.measure.empty() && sys::fs::is_regular_file(options.measure))
    if (error = key.addFile(options.measure); !error.empty())
      return {};
  key.add(options.normKind);
  key.add(options.postNum.value_or(-1));
  key.add(options.attentionScale);
  key.add(options.logitScale);
  key.add(options.batchSize);
  key.add(options.seqLen);
  key.add(getDtype(options));
  key.add(options.target);
  if (options.target == "cuda") {
    key.add(getGpuArch(options));
    key.add(options.gpuMatmul);
  }
  key.add(int64_t(options.emulator));
  key.add(options.cpu == "native" ? sys::getHostCPUName()
                                  : StringRef(options.cpu));
  if (options.cpu == "native")
    for (const auto &feature : sys::getHostCPUFeatures())
      if (feature.second)
        key.add(feature.first());
  key.add(options.chunks.rows);
  key.add(options.chunks.threshold);
  key.add(options.memoryLimit);
  key.add(options.checkpoints);
  key.add(options.generation);
  return key.finish();
}

int mixln::compileCached(CompileOptions options, std::string &executable,
                         std::string &error) {
  std::string directory = rt::cacheFolder();
  if (error = prepareCacheDirectory(directory); !error.empty())
    return 2;
  std::string key = getCacheKey(options, error);
  if (!error.empty())
    return 2;
  SmallString<128> path(directory);
  sys::path::append(path, key);
  executable = std::string(path);
  if (error = checkCachedExecutable(path); !error.empty())
    return 2;
  if (sys::fs::can_execute(path))
    return 0;
  errs() << "mixln-train: compiling " << options.input << "\n";
  options.output = executable;
  return compile(options);
}
