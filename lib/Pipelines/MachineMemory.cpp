//===- MachineMemory.cpp - Memory that a run may take ---------------------===//

#include "mixln/Pipelines/MachineMemory.h"

#include "device/CudaApi.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

using namespace mixln;

/// Tokenizer, batches, threads' scratch, the executable itself; on a GPU code
/// and the workspace of its libraries.
static constexpr int64_t kLeastHeadRoom = int64_t(256) << 20;

/// The number behind `key` in a file of `key number` lines, or the file's first
/// number without a key.
static std::optional<int64_t> readNumber(const std::string &path,
                                         const std::string &key = "") {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string name;
    if (!key.empty() && (!(words >> name) || name != key))
      continue;
    int64_t number;
    if (words >> number)
      return number;
    return std::nullopt;
  }
  return std::nullopt;
}

/// Bytes that the cgroup of `folder` leaves; none where it sets no limit.
static std::optional<int64_t> cgroupLeaves(const std::string &folder,
                                           const char *limitFile,
                                           const char *usedFile,
                                           const char *cacheKey) {
  std::optional<int64_t> limit = readNumber(folder + "/" + limitFile);
  // Version 1 writes a number near the largest for no limit.
  if (!limit || *limit <= 0 || *limit > (int64_t(1) << 60))
    return std::nullopt;
  int64_t used = readNumber(folder + "/" + usedFile).value_or(0);
  // Cached files are given up for it.
  used -= readNumber(folder + "/memory.stat", cacheKey).value_or(0);
  return std::max<int64_t>(0, *limit - std::max<int64_t>(0, used));
}

static void leaveHeadRoom(MachineMemory &memory) {
  memory.usable = std::max<int64_t>(
      0, memory.available - std::max(kLeastHeadRoom, memory.available / 10));
}

MachineMemory mixln::getMachineMemory(const std::string &root) {
  MachineMemory memory;
  memory.available = std::numeric_limits<int64_t>::max();
  auto consider = [&](std::optional<int64_t> bytes, const std::string &source) {
    if (bytes && *bytes < memory.available) {
      memory.available = *bytes;
      memory.source = source;
    }
  };
  if (auto kilobytes = readNumber(root + "/proc/meminfo", "MemAvailable:"))
    consider(*kilobytes * 1024, "MemAvailable");

  std::ifstream groups(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    bool isOld = controllers.find("memory") != std::string::npos;
    if (!isOld && !controllers.empty())
      continue;
    std::string mount =
        root + (isOld ? "/sys/fs/cgroup/memory" : "/sys/fs/cgroup");
    // A limit of any group above holds too.
    for (std::string path = line.substr(second + 1);;
         path.resize(path.rfind('/'))) {
      consider(isOld ? cgroupLeaves(mount + path, "memory.limit_in_bytes",
                                    "memory.usage_in_bytes",
                                    "total_inactive_file")
                     : cgroupLeaves(mount + path, "memory.max",
                                    "memory.current", "inactive_file"),
               "the cgroup's limit");
      if (path.find('/') == std::string::npos)
        break;
    }
  }
  if (memory.source.empty())
    memory.available = 0;
  leaveHeadRoom(memory);
  return memory;
}

MachineMemory mixln::getGpuMemory() {
  MachineMemory memory;
  memory.available = rt::cuda::findFreeGpuMemory();
  memory.source = "free on the GPU";
  leaveHeadRoom(memory);
  return memory;
}
