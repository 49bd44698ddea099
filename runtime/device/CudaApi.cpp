//===- CudaApi.cpp - Opening the libraries --------------------------------===//

#include "device/CudaApi.h"
#include "support/Errors.h"

#include <cstdlib>
#include <dlfcn.h>
#include <optional>
#include <vector>

using namespace mixln::rt;
using namespace mixln::rt::cuda;

/// The first of `names` that opens; `variable` of the environment names another
/// one.
static void *openLibrary(const char *variable, std::vector<std::string> names,
                         std::string &missing) {
  if (const char *named = std::getenv(variable); named && *named)
    names = {named};
  for (const std::string &name : names) {
    if (void *handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))
      return handle;
    if (missing.empty())
      if (const char *error = dlerror())
        missing = error;
  }
  if (missing.empty())
    missing = names.front() + " does not open";
  return nullptr;
}

template <typename Function>
static bool find(void *handle, const char *name, Function &function,
                 std::string &missing) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
  if (!function)
    missing = cat("it has no function ", name, " (too old?)");
  return function != nullptr;
}

namespace {
template <typename Library> struct Opened {
  std::optional<Library> library;
  std::string missing;
};
} // namespace

static Opened<Driver> openDriverOnce() {
  Opened<Driver> opened;
  void *handle = openLibrary("MIXLN_LIBCUDA", {"libcuda.so.1", "libcuda.so"},
                             opened.missing);
  if (!handle) {
    opened.missing = "no NVIDIA driver: " + opened.missing;
    return opened;
  }
  Driver driver;
#define FIND(name, arguments)                                                  \
  if (!find(handle, #name, driver.name, opened.missing)) {                     \
    opened.missing = "the NVIDIA driver does not fit: " + opened.missing;      \
    return opened;                                                             \
  }
  MIXLN_CUDA_DRIVER(FIND)
#undef FIND
  if (int status = driver.cuInit(0); status != kSuccess) {
    const char *text = nullptr;
    driver.cuGetErrorString(status, &text);
    opened.missing =
        cat("the NVIDIA driver does not start: ", text ? text : "unknown error",
            " (", status, ")");
    return opened;
  }
  opened.library = driver;
  return opened;
}

const Driver *cuda::openDriver(std::string &missing) {
  static const Opened<Driver> opened = openDriverOnce();
  missing = opened.missing;
  return opened.library ? &*opened.library : nullptr;
}

static Opened<CublasLt> openCublasLtOnce() {
  Opened<CublasLt> opened;
  void *handle =
      openLibrary("MIXLN_LIBCUBLASLT",
                  {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so",
                   "/usr/local/cuda/lib64/libcublasLt.so"},
                  opened.missing);
  if (!handle) {
    opened.missing = "no cublasLt: " + opened.missing;
    return opened;
  }
  CublasLt library;
#define FIND(name, arguments)                                                  \
  if (!find(handle, #name, library.name, opened.missing)) {                    \
    opened.missing = "cublasLt does not fit: " + opened.missing;               \
    return opened;                                                             \
  }
  MIXLN_CUBLASLT(FIND)
  FIND(cublasLtGetVersion, ())
#undef FIND
  constexpr size_t kOldest = 120000;
  if (size_t version = library.cublasLtGetVersion(); version < kOldest) {
    opened.missing = cat("cublasLt is version ", version, ", expected ",
                         kOldest, " or newer");
    return opened;
  }
  opened.library = library;
  return opened;
}

const CublasLt *cuda::openCublasLt(std::string &missing) {
  static const Opened<CublasLt> opened = openCublasLtOnce();
  missing = opened.missing;
  return opened.library ? &*opened.library : nullptr;
}

int64_t cuda::findFreeGpuMemory() {
  std::string missing;
  const Driver *driver = openDriver(missing);
  int device = 0;
  Context context = nullptr;
  if (!driver || driver->cuDeviceGet(&device, 0) != kSuccess ||
      driver->cuDevicePrimaryCtxRetain(&context, device) != kSuccess)
    return 0;
  size_t free = 0, total = 0;
  bool isKnown = driver->cuCtxSetCurrent(context) == kSuccess &&
                 driver->cuMemGetInfo_v2(&free, &total) == kSuccess;
  driver->cuDevicePrimaryCtxRelease_v2(device);
  return isKnown ? static_cast<int64_t>(free) : 0;
}

std::string cuda::findGpuArch() {
  std::string missing;
  const Driver *driver = openDriver(missing);
  int count = 0, device = 0, major = 0, minor = 0;
  if (!driver || driver->cuDeviceGetCount(&count) != kSuccess || count == 0 ||
      driver->cuDeviceGet(&device, 0) != kSuccess ||
      driver->cuDeviceGetAttribute(&major, kAttributeMajor, device) !=
          kSuccess ||
      driver->cuDeviceGetAttribute(&minor, kAttributeMinor, device) != kSuccess)
    return {};
  // Of Hopper on, the instructions that only one generation has are used.
  return cat("sm_", major, minor, major >= 9 ? "a" : "");
}
