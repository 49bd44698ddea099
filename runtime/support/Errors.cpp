//===- Errors.cpp ---------------------------------------------------------===//

#include "support/Errors.h"

#include <cctype>
#include <cstdio>
#include <cstring>

using namespace mixln::rt;

std::string mixln::rt::systemError(int error) {
  std::string text = std::strerror(error);
  if (!text.empty())
    text[0] = std::tolower(static_cast<unsigned char>(text[0]));
  return text;
}

void mixln::rt::note(const std::string &text) {
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
}
