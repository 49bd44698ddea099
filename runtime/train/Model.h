//===- Model.h - A program's tensors and entries by name --------*- C++ -*-===//

#ifndef MIXLN_RT_TRAIN_MODEL_H
#define MIXLN_RT_TRAIN_MODEL_H

#include "data/Batch.h"
#include "device/Device.h"
#include "device/ThreadPool.h"
#include "mixln-rt/program.h"

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace mixln::rt {

/// A program in memory. The program must outlive it.
class Model {
public:
  Model(const Program &program, const KernelFunction *kernels,
        int64_t kernelCount, int threads);
  /// On the device of that name; an InputError where it cannot be had.
  Model(const Program &program, const DeviceCode &code,
        const DeviceChoice &choice, int threads);

  /// Fills parameters by their initialisers. `deviations` overrides the
  /// standard deviation of parameter classes.
  void initialise(uint64_t seed,
                  const std::map<std::string, double> &deviations = {});
  /// Fills parameters from a checkpoint.
  void load(const std::string &path);
  /// After prepare(): the optimizer's moments of a checkpoint.
  void loadMoments(const std::string &checkpoint);
  /// After initialise() or load(): constants, zero moments, entry `prepare`.
  void prepare();

  bool hasEntry(const std::string &name) const;
  /// Runs an entry; a RunError when the program has none of that name. `stop`
  /// ends it early, with the result false.
  bool run(const std::string &entry, bool (*stop)() = nullptr);

  /// Entry `update` in two parts: up to the gradient's norm, which leaves
  /// weights and moments alone, and the rest. False where the program does not
  /// allow it and the first part is everything.
  bool updateHasTwoParts() const { return updateSplit != 0; }
  void beginUpdate();
  void finishUpdate();

  const Tensor *find(const std::string &name) const;
  void writeInputs(const MicroBatch &batch);
  /// Inputs that the program does not use are ignored.
  void writeInput(const std::string &name, const std::vector<int32_t> &values);
  /// Scalars that the program does not use are ignored.
  void setScalar(const std::string &name, double value);
  /// The elements of a tensor of f32 or bf16.
  std::vector<float> read(const std::string &name) const;
  void write(const std::string &name, const std::vector<float> &values);

  const Program &program() const { return theProgram; }
  const Device &device() const { return *theDevice; }
  void setRecorder(Recorder *recorder) { theDevice->setRecorder(recorder); }
  ThreadPool &threadPool() { return pool; }
  int threads() const { return pool.size(); }
  int64_t parameterCount() const;

private:
  void index();
  void findUpdateSplit();
  const Tensor &get(const std::string &name) const;
  /// From element `first` on, in the tensor's type.
  void writeElements(const Tensor &tensor, int64_t first,
                     const std::vector<float> &values);
  void fill(const Tensor &tensor, uint64_t seed, double value);

  const Program &theProgram;
  ThreadPool pool;
  std::unique_ptr<Device> theDevice;
  std::unordered_map<std::string, const Tensor *> tensors;
  std::unordered_map<std::string, int64_t> entries;
  bool prepared = false;
  int64_t updateSplit = 0; ///< dispatches of the first part
};

int64_t elementCount(const Tensor &tensor);
int64_t byteCount(const Tensor &tensor);

} // namespace mixln::rt

#endif // MIXLN_RT_TRAIN_MODEL_H
