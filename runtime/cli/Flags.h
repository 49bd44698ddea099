//===- Flags.h - Command-line flags -----------------------------*- C++ -*-===//
//
// The rules of every mixln tool: `-` and `_` are the same inside a name, a
// flag may have synonyms, an unknown one gets a suggestion, and of a flag given
// twice the last one counts.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_CLI_FLAGS_H
#define MIXLN_RT_CLI_FLAGS_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace mixln::rt {

class Flags {
public:
  using Names = std::vector<std::string>;

  /// `program` is what the help calls the command.
  Flags(const std::string &program, const std::string &description);
  ~Flags();

  /// Flags with a value; the variable keeps what it holds when the flag is not
  /// given. Counts take the suffixes K, M and B.
  void text(const std::string &name, std::string &value,
            const std::string &help, const Names &synonyms = {});
  void number(const std::string &name, double &value, double least, double most,
              const std::string &help, const Names &synonyms = {});
  void count(const std::string &name, int64_t &value, int64_t least,
             const std::string &help, const Names &synonyms = {});
  /// One of a few words.
  void choice(const std::string &name, std::string &value,
              const std::vector<std::string> &choices, const std::string &help,
              const Names &synonyms = {});
  /// KEY=NUMBER, several separated by commas.
  void table(const std::string &name, std::map<std::string, double> &value,
             const std::vector<std::string> &keys, const std::string &help,
             const Names &synonyms = {});
  void toggle(const std::string &name, bool &value, const std::string &help,
              const Names &synonyms = {});
  /// Accepted without effect; a note says why.
  void ignored(const std::string &name, bool takesValue,
               const std::string &why);
  /// Known, but an error; the message ends with `why`.
  void refused(const std::string &name, const std::string &why);

  /// What holds, of the flags there are, where they are not given.
  void defaults(const std::map<std::string, std::string> &values);

  /// False when help was asked for and printed. Throws InputError.
  bool parse(const std::vector<std::string> &arguments);

  /// Whether the flag (its first name) was on the command line.
  bool given(const std::string &name) const;
  /// Every flag with the value that holds, given or not.
  std::map<std::string, std::string> resolved() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// The nearest of `candidates` if it is near enough to be meant, else empty.
std::string nearest(const std::string &word,
                    const std::vector<std::string> &candidates);

/// Number of a count with an optional suffix; false when it is none.
bool parseCount(const std::string &text, int64_t &value);
bool parseNumber(const std::string &text, double &value);

} // namespace mixln::rt

#endif // MIXLN_RT_CLI_FLAGS_H
