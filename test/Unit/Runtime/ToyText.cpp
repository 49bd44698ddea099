//===- ToyText.cpp - Writes the toy program as C++ ------------------------===//

#include "Toy.h"
#include "mixln-rt/program-json.h"

#include <fstream>

using namespace mixln::rt;

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  std::string text = serialize(toy::makeProgram(4, 16, 64));
  std::ofstream out(argv[1]);
  out << "#include \"Toy.h\"\n#include \"mixln-rt/program.h\"\n"
         "using namespace mixln::rt;\n"
         "extern \"C\" {\nextern const char mixln_program_text[] = {";
  for (char c : text)
    out << int(c) << ',';
  out << "};\nextern const int64_t mixln_program_size = " << text.size()
      << ";\n}\n";
  return out.flush() ? 0 : 1;
}
