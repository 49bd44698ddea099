//===- ModelFolder.cpp ----------------------------------------------------===//

#include "checkpoint/ModelFolder.h"
#include "checkpoint/OutputFile.h"
#include "checkpoint/Safetensors.h"
#include "data/Files.h"
#include "support/Errors.h"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace mixln::rt;
namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static std::string weightsFile(const std::string &path) {
  std::error_code error;
  if (!fs::exists(path, error))
    badInput("no weights at ", path, ": no such file or folder");
  if (!fs::is_directory(path, error))
    return path;
  std::string file = path + "/model.safetensors";
  if (!fs::exists(file, error))
    badInput("folder ", path, " has no model.safetensors");
  return file;
}

void mixln::rt::loadParameters(const std::string &path, const Program &program,
                               Device &device) {
  SafetensorsFile file(weightsFile(path));
  std::set<std::string> known;
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == Role::Parameter) {
      known.insert(tensor.name);
      file.get(tensor.name, "F32", tensor.shape);
    }
  for (auto &[name, stored] : file.tensors())
    if (!known.count(name))
      badInput(file.path(), ": tensor ", name, " ", shapeText(stored.shape),
               " is not a parameter of this model (norm ", program.norm, ")");
  constexpr int64_t kChunk = int64_t(16) << 20;
  std::vector<char> buffer;
  for (const Tensor &tensor : program.tensors) {
    if (tensor.role != Role::Parameter)
      continue;
    const StoredTensor &stored = file.get(tensor.name, "F32", tensor.shape);
    for (int64_t done = 0; done < stored.bytes; done += kChunk) {
      int64_t bytes = std::min(kChunk, stored.bytes - done);
      buffer.resize(bytes);
      file.read(stored, done, buffer.data(), bytes);
      device.write(tensor.offset + done, buffer.data(), bytes);
    }
  }
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void writeFile(const std::string &path, const std::string &text) {
  OutputFile file(path);
  file.write(text);
  file.commit();
}

static void writeContents(const std::string &folder, const Program &program,
                          const Device &device, const std::string &tokenizer) {
  writeFile(folder + "/config.json", program.configJson);
  std::vector<TensorToStore> tensors;
  for (const Tensor &tensor : program.tensors)
    if (tensor.role == Role::Parameter)
      tensors.push_back({tensor.name, "F32", tensor.shape,
                         [&](int64_t offset, void *to, int64_t bytes) {
                           device.read(tensor.offset + offset, to, bytes);
                         }});
  writeSafetensors(folder + "/model.safetensors", tensors, {{"format", "pt"}});
  if (!tokenizer.empty())
    writeFile(folder + "/" + fs::path(tokenizer).filename().string(),
              readWholeFile(tokenizer, size_t(256) << 20));
}

void mixln::rt::writeModelFolder(const std::string &path,
                                 const Program &program, const Device &device,
                                 const std::string &tokenizer) {
  std::string temporary = path + ".tmp", old = path + ".old";
  try {
    fs::remove_all(temporary);
    fs::create_directories(temporary);
    writeContents(temporary, program, device, tokenizer);
    syncFolder(temporary);
    fs::remove_all(old);
    if (fs::exists(path))
      fs::rename(path, old);
    fs::rename(temporary, path);
    fs::path parent = fs::path(path).parent_path();
    syncFolder(parent.empty() ? "." : parent.string());
    fs::remove_all(old);
  } catch (const std::exception &failure) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    if (!fs::exists(path, ignored) && fs::exists(old, ignored))
      fs::rename(old, path, ignored);
    runFailed("cannot write checkpoint ", path, ": ", failure.what());
  }
}
