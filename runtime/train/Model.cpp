//===- Model.cpp ----------------------------------------------------------===//

#include "train/Model.h"
#include "checkpoint/ModelFolder.h"
#include "checkpoint/Safetensors.h"
#include "random/Philox.h"
#include "support/BFloat16.h"
#include "support/Errors.h"

#include <algorithm>
#include <cmath>

using namespace mixln::rt;

int64_t mixln::rt::elementCount(const Tensor &tensor) {
  int64_t count = 1;
  for (int64_t extent : tensor.shape)
    count *= extent;
  return count;
}

int64_t mixln::rt::byteCount(const Tensor &tensor) {
  return elementCount(tensor) * (tensor.type == ElementType::BF16 ? 2 : 4);
}

Model::Model(const Program &program, const KernelFunction *kernels,
             int64_t kernelCount, int threads)
    : theProgram(program), pool(threads),
      theDevice(makeCpuDevice(program, kernels, kernelCount, pool)) {
  index();
}

Model::Model(const Program &program, const DeviceCode &code,
             const DeviceChoice &choice, int threads)
    : theProgram(program), pool(threads),
      theDevice(makeDevice(program, code, choice, pool)) {
  index();
}

void Model::index() {
  for (const Tensor &tensor : theProgram.tensors) {
    if (tensor.offset < 0 ||
        tensor.offset > theProgram.arenaBytes - byteCount(tensor))
      runFailed("damaged program: tensor ", tensor.name,
                " lies outside the arena");
    tensors.emplace(tensor.name, &tensor);
  }
  for (size_t i = 0; i < theProgram.entries.size(); ++i)
    entries.emplace(theProgram.entries[i].name, i);
  findUpdateSplit();
}

/// The norm is known once the last dispatch that writes it ran.
void Model::findUpdateSplit() {
  auto found = entries.find("update");
  const Tensor *norm = find("grad_norm");
  if (found == entries.end() || !norm)
    return;
  const std::vector<Dispatch> &all =
      theProgram.entries[found->second].dispatches;
  auto writes = [](const Dispatch &dispatch, const Tensor &tensor) {
    return std::any_of(dispatch.operands.begin(), dispatch.operands.end(),
                       [&](const Operand &operand) {
                         return operand.writes &&
                                operand.offset <
                                    tensor.offset + byteCount(tensor) &&
                                tensor.offset < operand.offset + operand.bytes;
                       });
  };
  int64_t split = 0;
  for (size_t i = 0; i < all.size(); ++i)
    if (writes(all[i], *norm))
      split = static_cast<int64_t>(i) + 1;
  for (int64_t i = 0; i < split; ++i)
    for (const Tensor &tensor : theProgram.tensors)
      if ((tensor.role == Role::Parameter || tensor.role == Role::Moment ||
           tensor.role == Role::Packed) &&
          writes(all[i], tensor))
        return;
  updateSplit = split;
}

//===----------------------------------------------------------------------===//
// Initial values
//===----------------------------------------------------------------------===//

// Element i of a tensor, whatever thread and chunk it comes in.
static void computeValues(const Tensor &tensor, std::array<uint32_t, 2> key,
                          double value, int64_t first, int64_t count,
                          float *out) {
  switch (tensor.init.kind) {
  case InitKind::None:
    std::fill_n(out, count, 0.0f);
    return;
  case InitKind::Constant:
    std::fill_n(out, count, static_cast<float>(value));
    return;
  case InitKind::Normal:
    fillNormal(key, first, count, value, out);
    return;
  case InitKind::RopeCos:
  case InitKind::RopeSin: {
    int64_t half = tensor.shape.back();
    for (int64_t i = 0; i < count; ++i) {
      int64_t t = (first + i) / half, j = (first + i) % half;
      double angle = t * std::pow(value, -2.0 * j / (2.0 * half));
      out[i] = static_cast<float>(tensor.init.kind == InitKind::RopeCos
                                      ? std::cos(angle)
                                      : std::sin(angle));
    }
    return;
  }
  }
}

void Model::writeElements(const Tensor &tensor, int64_t first,
                          const std::vector<float> &values) {
  auto count = static_cast<int64_t>(values.size());
  if (tensor.type == ElementType::F32) {
    theDevice->write(tensor.offset + first * 4, values.data(), count * 4);
    return;
  }
  std::vector<uint16_t> narrow(values.size());
  std::transform(values.begin(), values.end(), narrow.begin(), toBFloat16);
  theDevice->write(tensor.offset + first * 2, narrow.data(), count * 2);
}

void Model::fill(const Tensor &tensor, uint64_t seed, double value) {
  if (tensor.type == ElementType::I32)
    runFailed("damaged program: tensor ", tensor.name,
              " has an initial value but is i32");
  auto key = streamKey(seed, tensor.name);
  int64_t elements = elementCount(tensor);
  constexpr int64_t kChunk = 1 << 16;
  pool.forEach((elements + kChunk - 1) / kChunk, [&](int64_t chunk) {
    int64_t first = chunk * kChunk;
    int64_t count = std::min(kChunk, elements - first);
    std::vector<float> values(count);
    computeValues(tensor, key, value, first, count, values.data());
    writeElements(tensor, first, values);
  });
}

void Model::initialise(uint64_t seed,
                       const std::map<std::string, double> &deviations) {
  for (const Tensor &tensor : theProgram.tensors) {
    if (tensor.role != Role::Parameter)
      continue;
    double value = tensor.init.value;
    auto found = deviations.find(tensor.parameterClass);
    if (found != deviations.end() && tensor.init.kind == InitKind::Normal)
      value = found->second;
    fill(tensor, seed, value);
  }
}

void Model::load(const std::string &path) {
  loadParameters(path, theProgram, *theDevice);
}

void Model::loadMoments(const std::string &checkpoint) {
  rt::loadMoments(checkpoint, theProgram, *theDevice);
}

void Model::prepare() {
  for (const Tensor &tensor : theProgram.tensors) {
    if (tensor.role == Role::Constant)
      fill(tensor, 0, tensor.init.value);
    // Memory that is new is zero; touching it would take a moment.
    else if (tensor.role == Role::Moment && prepared)
      theDevice->zero(tensor.offset, byteCount(tensor));
  }
  prepared = true;
  if (hasEntry("prepare"))
    run("prepare");
}

//===----------------------------------------------------------------------===//
// Access by name
//===----------------------------------------------------------------------===//

bool Model::hasEntry(const std::string &name) const {
  return entries.count(name) != 0;
}

bool Model::run(const std::string &entry, bool (*stop)()) {
  auto found = entries.find(entry);
  if (found == entries.end())
    runFailed("this executable was compiled without the entry ", entry);
  return theDevice->run(found->second, 0, Device::kAllDispatches, stop);
}

void Model::beginUpdate() {
  if (updateSplit == 0)
    run("update");
  else
    theDevice->run(entries.at("update"), 0, updateSplit);
}

void Model::finishUpdate() {
  if (updateSplit != 0)
    theDevice->run(entries.at("update"), updateSplit);
}

const Tensor *Model::find(const std::string &name) const {
  auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : found->second;
}

const Tensor &Model::get(const std::string &name) const {
  const Tensor *tensor = find(name);
  if (!tensor)
    runFailed("this executable was compiled without the tensor ", name);
  return *tensor;
}

void Model::writeInput(const std::string &name,
                       const std::vector<int32_t> &values) {
  const Tensor *tensor = find(name);
  if (!tensor)
    return;
  if (elementCount(*tensor) != static_cast<int64_t>(values.size()) ||
      tensor->type != ElementType::I32)
    runFailed("damaged program: input ", name, " has shape ",
              shapeText(tensor->shape), ", the host writes ", values.size(),
              " i32");
  theDevice->write(tensor->offset, values.data(), values.size() * 4);
}

void Model::writeInputs(const MicroBatch &batch) {
  writeInput("input_ids", batch.inputIds);
  writeInput("targets", batch.targets);
  writeInput("token_order", batch.tokenOrder);
  writeInput("segment_starts", batch.segmentStarts);
}

void Model::setScalar(const std::string &name, double value) {
  auto narrow = static_cast<float>(value);
  if (const Tensor *tensor = find(name))
    theDevice->write(tensor->offset, &narrow, sizeof narrow);
}

std::vector<float> Model::read(const std::string &name) const {
  const Tensor &tensor = get(name);
  if (tensor.type == ElementType::I32)
    runFailed("damaged program: tensor ", name, " is i32, expected numbers");
  std::vector<float> values(elementCount(tensor));
  if (tensor.type == ElementType::BF16) {
    std::vector<uint16_t> narrow(values.size());
    theDevice->read(tensor.offset, narrow.data(), narrow.size() * 2);
    std::transform(narrow.begin(), narrow.end(), values.begin(), fromBFloat16);
    return values;
  }
  theDevice->read(tensor.offset, values.data(), values.size() * 4);
  return values;
}

void Model::write(const std::string &name, const std::vector<float> &values) {
  const Tensor &tensor = get(name);
  if (tensor.type == ElementType::I32 ||
      elementCount(tensor) != static_cast<int64_t>(values.size()))
    runFailed("damaged program: tensor ", name, " has not ", values.size(),
              " numbers");
  writeElements(tensor, 0, values);
}

int64_t Model::parameterCount() const {
  int64_t count = 0;
  for (const Tensor &tensor : theProgram.tensors)
    if (tensor.role == Role::Parameter)
      count += elementCount(tensor);
  return count;
}
