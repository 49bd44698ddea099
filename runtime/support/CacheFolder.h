//===- CacheFolder.h - Where what can be made again is kept -----*- C++ -*-===//

#ifndef MIXLN_RT_SUPPORT_CACHEFOLDER_H
#define MIXLN_RT_SUPPORT_CACHEFOLDER_H

#include <string>

namespace mixln::rt {

/// The value of an environment variable; empty where it is not set, for an
/// empty one means the same.
std::string environment(const char *name);

/// The user's, of all programs: XDG_CACHE_HOME, or .cache in HOME, or the
/// folder of temporary files.
std::string userCacheFolder();

/// mixln's own: MIXLN_CACHE_DIR, or mixln in the user's.
std::string cacheFolder();

} // namespace mixln::rt

#endif // MIXLN_RT_SUPPORT_CACHEFOLDER_H
