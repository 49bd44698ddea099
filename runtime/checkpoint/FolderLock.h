//===- FolderLock.h - One writer a folder -----------------------*- C++ -*-===//

#ifndef MIXLN_RT_CHECKPOINT_FOLDERLOCK_H
#define MIXLN_RT_CHECKPOINT_FOLDERLOCK_H

#include <string>

namespace mixln::rt {

/// Held while a process writes into a folder, and released with it, however it
/// ends. A folder that another process holds is an InputError: "TAKEN FOLDER".
/// File systems without locks have none, and nothing is said.
class FolderLock {
public:
  FolderLock(const std::string &folder, const std::string &taken);
  ~FolderLock();
  FolderLock(const FolderLock &) = delete;
  FolderLock &operator=(const FolderLock &) = delete;

private:
  int descriptor;
};

} // namespace mixln::rt

#endif // MIXLN_RT_CHECKPOINT_FOLDERLOCK_H
