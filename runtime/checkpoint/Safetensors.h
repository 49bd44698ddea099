//===- Safetensors.h - Reading and writing .safetensors ---------*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_SAFETENSORS_H
#define MIXLN_RT_CHECKPOINT_SAFETENSORS_H

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mixln::rt {

struct StoredTensor {
  std::string name;
  std::string dtype; ///< the format's name: F32, I32, ...
  std::vector<int64_t> shape;
  int64_t offset = 0; ///< of the first byte, in the file
  int64_t bytes = 0;
};

std::string shapeText(const std::vector<int64_t> &shape);

/// A file whose header has been checked against the format and against the
/// file's size: every tensor lies inside, none overlaps another, no byte is
/// left over. Errors are InputErrors that name the file and the tensor.
class SafetensorsFile {
public:
  explicit SafetensorsFile(std::string path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile &) = delete;
  SafetensorsFile &operator=(const SafetensorsFile &) = delete;

  const std::string &path() const { return filePath; }
  const std::map<std::string, StoredTensor> &tensors() const { return table; }

  /// The tensor of that name; an error when it is missing or of another type.
  const StoredTensor &get(const std::string &name,
                          const std::string &dtype) const;
  /// Likewise, of exactly this shape.
  const StoredTensor &get(const std::string &name, const std::string &dtype,
                          const std::vector<int64_t> &shape) const;

  /// Copies `bytes` bytes from `offset` bytes into the tensor.
  void read(const StoredTensor &tensor, int64_t offset, void *to,
            int64_t bytes) const;

private:
  const StoredTensor &find(const std::string &name) const;
  void checkShape(const StoredTensor &tensor,
                  const std::vector<int64_t> &shape) const;
  void parseHeader(int64_t fileBytes);
  void addTensor(const std::string &name, const void *entry, int64_t dataBegin,
                 int64_t dataBytes);
  void checkCoverage(int64_t dataBegin, int64_t dataBytes) const;
  void readAt(int64_t offset, void *to, int64_t bytes) const;

  std::string filePath;
  int descriptor = -1;
  std::map<std::string, StoredTensor> table;
};

/// A tensor to write; `read(offset, to, bytes)` fetches part of its contents.
struct TensorToStore {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::function<void(int64_t, void *, int64_t)> read;
};

/// One whose contents lie in host memory until the file is written.
TensorToStore storeFrom(std::string name, std::string dtype,
                        std::vector<int64_t> shape, const void *data);

/// Writes a file in one piece (see OutputFile).
void writeSafetensors(const std::string &path,
                      const std::vector<TensorToStore> &tensors,
                      const std::map<std::string, std::string> &metadata = {},
                      bool syncName = true);

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_SAFETENSORS_H
