//===- RunKeys.h - What a key of run.json means for the numbers -*- C++ -*-===//
//
// Whether two runs may be compared, and whether a folder may go on with other
// flags, is the same question: which flags change the numbers. RunKeys.cpp
// answers it in one table.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_REPORT_RUNKEYS_H
#define MIXLN_REPORT_RUNKEYS_H

#include <map>
#include <string>

namespace mixln::report {

/// What changes where two runs differ in a key alone.
enum class KeyEffect {
  Name,     ///< nothing: when and where the run was, how it is called
  Nothing,  ///< not one bit of a loss
  Rounding, ///< last bits
  File,     ///< where a file lies; its hash says which one it is
  Compared, ///< the numbers: what reports compare
  Pair,     ///< the numbers: what differs from pair to pair of a comparison
  Numbers   ///< the numbers
};

/// Keys as "flags.lr", "config.hidden_size". `about`: all keys of the run, for
/// what depends on another one.
KeyEffect effectOf(const std::string &key,
                   const std::map<std::string, std::string> &about);

/// Whether the losses of a run follow from the key, beyond their last bits.
inline bool changesNumbers(KeyEffect effect) {
  return effect == KeyEffect::Compared || effect == KeyEffect::Pair ||
         effect == KeyEffect::Numbers;
}

} // namespace mixln::report

#endif // MIXLN_REPORT_RUNKEYS_H
