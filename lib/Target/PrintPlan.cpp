//===- PrintPlan.cpp - A program as a table to read -----------------------===//

#include "mixln/Target/PrintPlan.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"

using namespace llvm;
using namespace mixln;

static std::string readable(double number, StringRef unit, double step) {
  static const char *const prefixes[] = {"", "k", "M", "G", "T"};
  static const char *const binaryPrefixes[] = {"", "Ki", "Mi", "Gi", "Ti"};
  unsigned power = 0;
  while (number >= step && power < 4) {
    number /= step;
    ++power;
  }
  StringRef prefix = step == 1024 ? binaryPrefixes[power] : prefixes[power];
  if (power == 0)
    return llvm::formatv("{0} {1}", static_cast<int64_t>(number), unit).str();
  return llvm::formatv("{0:F2} {1}{2}", number, prefix, unit).str();
}

static std::string readableBytes(double bytes) {
  return readable(bytes, "B", 1024);
}

static int64_t bytesOf(const rt::Tensor &tensor) {
  int64_t bytes = tensor.type == rt::ElementType::BF16 ? 2 : 4;
  for (int64_t extent : tensor.shape)
    bytes *= extent;
  return bytes;
}

static void printTensors(const rt::Program &program, raw_ostream &os) {
  static const std::pair<rt::Role, StringRef> roles[] = {
      {rt::Role::Parameter, "parameters"}, {rt::Role::Gradient, "gradients"},
      {rt::Role::Moment, "moments"},       {rt::Role::Input, "inputs"},
      {rt::Role::Scalar, "scalars"},       {rt::Role::Output, "outputs"},
      {rt::Role::Constant, "constants"},   {rt::Role::Packed, "packed copies"},
      {rt::Role::Cache, "caches"}};
  for (auto [role, name] : roles) {
    int64_t count = 0, bytes = 0;
    for (const rt::Tensor &tensor : program.tensors)
      if (tensor.role == role) {
        ++count;
        bytes += bytesOf(tensor);
      }
    if (count > 0)
      os << "  " << left_justify(name, 14)
         << right_justify(std::to_string(count), 5)
         << right_justify(readableBytes(static_cast<double>(bytes)), 14)
         << "\n";
  }
}

static void printKernels(const rt::Program &program, raw_ostream &os) {
  std::vector<int64_t> uses(program.kernels.size(), 0);
  for (const rt::Entry &entry : program.entries)
    for (const rt::Dispatch &dispatch : entry.dispatches)
      ++uses[dispatch.kernel];
  os << "\nkernels: " << program.kernels.size() << "\n";
  for (auto [kernel, count] : llvm::zip(program.kernels, uses))
    os << "  " << right_justify(std::to_string(count), 5) << "x " << kernel.name
       << " (" << kernel.phases.size()
       << (kernel.phases.size() == 1 ? " phase)" : " phases)") << "\n";
}

static void printDispatch(const rt::Program &program,
                          const rt::Dispatch &dispatch, raw_ostream &os) {
  auto printRanges = [&](StringRef label, bool isWrite) {
    os << " " << label;
    for (const rt::Operand &operand : dispatch.operands)
      if ((isWrite ? operand.writes && !operand.reads
                   : operand.reads && !operand.writes))
        os << " " << operand.offset << "+" << operand.bytes;
  };
  const rt::Kernel &kernel = program.kernels[dispatch.kernel];
  os << left_justify(kernel.name, 36) << " tasks ";
  llvm::interleave(dispatch.tasks, os, "/");
  printRanges("reads", false);
  printRanges("writes", true);
  // A library's product has no workspace, but may add to what its result holds.
  StringRef both = kernel.library.empty() ? " workspace " : " adds to ";
  for (const rt::Operand &operand : dispatch.operands)
    if (operand.reads && operand.writes)
      os << both << operand.offset << "+" << operand.bytes;
  if (!dispatch.values.empty()) {
    os << " values ";
    llvm::interleave(dispatch.values, os, ",");
  }
  os << "  " << readable(dispatch.flops, "FLOP", 1000) << "  "
     << readableBytes(dispatch.bytes);
  if (!dispatch.site.empty())
    os << "  " << dispatch.site;
  os << "\n";
}

static void printEntry(const rt::Program &program, const rt::Entry &entry,
                       raw_ostream &os) {
  double flops = 0, bytes = 0;
  int64_t end = 0;
  for (const rt::Dispatch &dispatch : entry.dispatches) {
    flops += dispatch.flops;
    bytes += dispatch.bytes;
    for (const rt::Operand &operand : dispatch.operands)
      end = std::max(end, operand.offset + operand.bytes);
  }
  os << "\nentry " << entry.name << ": " << entry.dispatches.size()
     << " dispatches, " << readable(flops, "FLOP", 1000) << ", moves "
     << readableBytes(bytes) << ", reaches arena byte " << end << "\n";
  for (auto [i, dispatch] : llvm::enumerate(entry.dispatches)) {
    os << right_justify(std::to_string(i), 6) << "  ";
    printDispatch(program, dispatch, os);
  }
}

void mixln::printPlan(const rt::Program &program, raw_ostream &os) {
  os << "arena: " << program.arenaBytes << " bytes ("
     << readableBytes(static_cast<double>(program.arenaBytes)) << "), "
     << program.scratchBytes << " bytes of scratch a worker\n";
  printTensors(program, os);
  printKernels(program, os);
  for (const rt::Entry &entry : program.entries)
    printEntry(program, entry, os);
}
