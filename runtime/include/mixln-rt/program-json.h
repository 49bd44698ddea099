//===- program-json.h - The text form of a program --------------*- C++ -*-===//
//
// The compiler writes it, the runtime and `mixlnc --print-plan` read it.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_PROGRAM_JSON_H
#define MIXLN_RT_PROGRAM_JSON_H

#include "mixln-rt/program.h"

namespace mixln::rt {

/// JSON text of `program`; parse(serialize(p)) == p, doubles included.
std::string serialize(const Program &program);

/// Parses what serialize() wrote. Throws std::runtime_error with the reason
/// when the text is damaged or its version is not kProgramVersion.
Program parse(const char *text, size_t size);

} // namespace mixln::rt

#endif // MIXLN_RT_PROGRAM_JSON_H
