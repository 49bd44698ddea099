//===- OutputFile.h - Files that are whole or not there ---------*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_OUTPUTFILE_H
#define MIXLN_RT_CHECKPOINT_OUTPUTFILE_H

#include <cstddef>
#include <string>
#include <string_view>

namespace mixln::rt {

/// A file written under a temporary name beside its own; commit() syncs it and
/// gives it its name. Without commit() it is removed. Every failure is a
/// RunError that names the file; failure to create it is an InputError.
class OutputFile {
public:
  explicit OutputFile(std::string path, unsigned mode = 0666);
  ~OutputFile();
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  void write(const void *data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// `syncName` false: the caller makes the names in the folder durable.
  void commit(bool syncName = true);

private:
  std::string path;
  std::string temporary;
  int descriptor = -1;
};

/// Writes a whole file and makes its name durable.
void writeTextFile(const std::string &path, std::string_view text);

/// Makes the names in a folder durable.
void syncFolder(const std::string &path);

/// Checks that `path` can be created, or written, and leaves no trace.
void checkWritableFile(const std::string &path);

/// Creates the folder where it is missing and checks that it takes files.
void checkWritableFolder(const std::string &path);

/// Creates a temporary folder beside `path`, which must not exist, and returns
/// its name; commitFolder() syncs it and gives it the name `path`.
std::string newFolder(const std::string &path);
void commitFolder(const std::string &temporary, const std::string &path);

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_OUTPUTFILE_H
