//===- C4.h - The C4 data set's English shards ------------------*- C++ -*-===//
//
// Looks for shards in Hugging Face's hub cache and in a folder of its own,
// fetches missing ones there with curl, and checks them through and through.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DATATOOL_C4_H
#define MIXLN_RT_DATATOOL_C4_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mixln::rt {

/// One of the files of the data set's configuration `en`.
struct C4Shard {
  std::string split; ///< train or validation
  int64_t number = 0;

  /// c4-train.00000-of-01024.json.gz
  std::string name() const;
  bool operator<(const C4Shard &other) const;
};

/// Where fetched shards go unless told otherwise: c4 in MIXLN_CACHE_DIR, or in
/// the user's cache folder of mixln.
std::string c4Folder();

/// Paths of the shards that are on this machine: in `folder`, or in a hub cache
/// (HF_HUB_CACHE, HF_HOME, the user's own).
std::map<C4Shard, std::string> findC4(const std::string &folder);

/// SPLIT, SPLIT:N or SPLIT:FIRST-LAST; an InputError where it is none of them.
std::vector<C4Shard> parseC4Range(const std::string &flag,
                                  const std::string &text);

struct ShardContent {
  int64_t documents = 0;
  int64_t textBytes = 0;
};

/// Reads the shard to its end: gzip's checksums, and a JSON object with a
/// "text" in every line. An InputError names file and line.
ShardContent verifyShard(const std::string &path);

/// The commands. Paths go to standard output, everything else to standard
/// error; the result is an ExitStatus.
int listC4(const std::string &folder);
int verifyC4(const std::vector<std::string> &paths);
/// `what` as for parseC4Range, or "any": a shard that is there already, else
/// the first of validation. Prints the paths, fetched or there before.
int fetchC4(const std::string &what, const std::string &folder);

} // namespace mixln::rt

#endif // MIXLN_RT_DATATOOL_C4_H
