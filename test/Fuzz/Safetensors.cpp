//===- Safetensors.cpp - Both readers of the format -----------------------===//

#include "mixln/Support/Safetensors.h"
#include "Memory.h"
#include "checkpoint/Safetensors.h"
#include "support/Errors.h"

#include <algorithm>
#include <vector>

using namespace mixln;
using fuzz::MemoryFile;
using fuzz::require;

/// Number of tensors, or -1 when the file is refused.
static int64_t readByCompiler(llvm::StringRef bytes) {
  auto tensors = parseSafetensors(bytes, "input");
  if (!tensors) {
    llvm::consumeError(tensors.takeError());
    return -1;
  }
  for (const NamedTensor &tensor : *tensors) {
    uint64_t count = 1;
    for (int64_t extent : tensor.shape)
      count *= extent;
    require(count == tensor.data.size(), "a tensor has its shape's elements");
  }
  return static_cast<int64_t>(tensors->size());
}

static int64_t readByRuntime(const std::string &path) {
  try {
    rt::SafetensorsFile file(path);
    std::vector<char> bytes;
    for (const auto &[name, tensor] : file.tensors()) {
      bytes.resize(tensor.bytes);
      file.read(file.get(name, tensor.dtype, tensor.shape), 0, bytes.data(),
                tensor.bytes);
    }
    return static_cast<int64_t>(file.tensors().size());
  } catch (const rt::InputError &) {
    return -1;
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  MemoryFile file(data, size);
  int64_t compiler = readByCompiler(
      llvm::StringRef(reinterpret_cast<const char *>(data), size));
  int64_t runtime = readByRuntime(file.path());
  require(compiler < 0 || runtime < 0 || compiler == runtime,
          "readers that both accept a file see the same tensors");
  return 0;
}
