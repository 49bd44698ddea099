//===- AssemblePtx.cpp - From PTX to machine code -------------------------===//

#include "mixln/Target/GPU.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>

using namespace llvm;
using namespace mixln;

std::string mixln::findPtxas() {
  if (const char *named = std::getenv("MIXLN_PTXAS"))
    return sys::fs::can_execute(named) ? named : "";
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char *toolkit = std::getenv(variable)) {
      SmallString<128> path(toolkit);
      sys::path::append(path, "bin", "ptxas");
      if (sys::fs::can_execute(path))
        return std::string(path);
    }
  if (auto path = sys::findProgramByName("ptxas"))
    return *path;
  std::string usual = "/usr/local/cuda/bin/ptxas";
  return sys::fs::can_execute(usual) ? usual : "";
}

static std::string readAll(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

Expected<std::string> mixln::assemblePtx(StringRef path, StringRef ptx,
                                         StringRef arch, std::string *report) {
  SmallString<128> source, object, log;
  int descriptor;
  for (auto [file, suffix] :
       {std::pair(&source, "ptx"), std::pair(&object, "cubin"),
        std::pair(&log, "log")}) {
    if (auto error = sys::fs::createTemporaryFile("mixln-kernels", suffix,
                                                  descriptor, *file))
      return createStringError("cannot create a temporary file: " +
                               error.message());
    raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    if (file == &source)
      stream << ptx;
  }
  FileRemover removeSource(source), removeObject(object), removeLog(log);
  std::string target = ("-arch=" + arch).str();
  SmallVector<StringRef> arguments = {path,   target, "-v",  "-O3",
                                      source, "-o",   object};
  std::optional<StringRef> redirects[] = {std::nullopt, log.str(), log.str()};
  std::string message;
  int status = sys::ExecuteAndWait(path, arguments, std::nullopt, redirects, 0,
                                   0, &message);
  std::string said = readAll(log);
  if (status != 0)
    return createStringError(
        path + " could not assemble the kernels: " + message + said);
  if (report)
    *report = said;
  return readAll(object);
}
