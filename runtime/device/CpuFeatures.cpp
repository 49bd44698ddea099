//===- CpuFeatures.cpp - LLVM's feature names against cpuid ---------------===//

#include "device/CpuFeatures.h"

#include <algorithm>
#include <cpuid.h>
#include <cstdint>
#include <cstring>
#include <string_view>

using namespace mixln::rt;

namespace {

enum Register { A, B, C, D };

/// What the operating system must save for a feature's registers.
enum State : uint64_t {
  Basic = 0,
  Ymm = 0x6,
  Zmm = 0xe6,
  Tile = 0x60000,
  Egpr = 0x80000
};

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  uint64_t state;
};

const Feature features[] = {
    {"cx8", 1, 0, D, 8, Basic},
    {"cmov", 1, 0, D, 15, Basic},
    {"mmx", 1, 0, D, 23, Basic},
    {"fxsr", 1, 0, D, 24, Basic},
    {"sse", 1, 0, D, 25, Basic},
    {"sse2", 1, 0, D, 26, Basic},
    {"sse3", 1, 0, C, 0, Basic},
    {"pclmul", 1, 0, C, 1, Basic},
    {"ssse3", 1, 0, C, 9, Basic},
    {"fma", 1, 0, C, 12, Ymm},
    {"cx16", 1, 0, C, 13, Basic},
    {"sse4.1", 1, 0, C, 19, Basic},
    {"sse4.2", 1, 0, C, 20, Basic},
    {"crc32", 1, 0, C, 20, Basic},
    {"movbe", 1, 0, C, 22, Basic},
    {"popcnt", 1, 0, C, 23, Basic},
    {"aes", 1, 0, C, 25, Basic},
    {"xsave", 1, 0, C, 27, Basic},
    {"avx", 1, 0, C, 28, Ymm},
    {"f16c", 1, 0, C, 29, Ymm},
    {"rdrnd", 1, 0, C, 30, Basic},
    {"fsgsbase", 7, 0, B, 0, Basic},
    {"sgx", 7, 0, B, 2, Basic},
    {"bmi", 7, 0, B, 3, Basic},
    {"avx2", 7, 0, B, 5, Ymm},
    {"bmi2", 7, 0, B, 8, Basic},
    {"invpcid", 7, 0, B, 10, Basic},
    {"rtm", 7, 0, B, 11, Basic},
    {"avx512f", 7, 0, B, 16, Zmm},
    {"avx512dq", 7, 0, B, 17, Zmm},
    {"rdseed", 7, 0, B, 18, Basic},
    {"adx", 7, 0, B, 19, Basic},
    {"avx512ifma", 7, 0, B, 21, Zmm},
    {"clflushopt", 7, 0, B, 23, Basic},
    {"clwb", 7, 0, B, 24, Basic},
    {"avx512cd", 7, 0, B, 28, Zmm},
    {"sha", 7, 0, B, 29, Basic},
    {"avx512bw", 7, 0, B, 30, Zmm},
    {"avx512vl", 7, 0, B, 31, Zmm},
    {"avx512vbmi", 7, 0, C, 1, Zmm},
    {"pku", 7, 0, C, 4, Basic},
    {"waitpkg", 7, 0, C, 5, Basic},
    {"avx512vbmi2", 7, 0, C, 6, Zmm},
    {"shstk", 7, 0, C, 7, Basic},
    {"gfni", 7, 0, C, 8, Basic},
    {"vaes", 7, 0, C, 9, Ymm},
    {"vpclmulqdq", 7, 0, C, 10, Ymm},
    {"avx512vnni", 7, 0, C, 11, Zmm},
    {"avx512bitalg", 7, 0, C, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, C, 14, Zmm},
    {"rdpid", 7, 0, C, 22, Basic},
    {"kl", 7, 0, C, 23, Basic},
    {"cldemote", 7, 0, C, 25, Basic},
    {"movdiri", 7, 0, C, 27, Basic},
    {"movdir64b", 7, 0, C, 28, Basic},
    {"enqcmd", 7, 0, C, 29, Basic},
    {"uintr", 7, 0, D, 5, Basic},
    {"avx512vp2intersect", 7, 0, D, 8, Zmm},
    {"serialize", 7, 0, D, 14, Basic},
    {"tsxldtrk", 7, 0, D, 16, Basic},
    {"pconfig", 7, 0, D, 18, Basic},
    {"amx-bf16", 7, 0, D, 22, Tile},
    {"avx512fp16", 7, 0, D, 23, Zmm},
    {"amx-tile", 7, 0, D, 24, Tile},
    {"amx-int8", 7, 0, D, 25, Tile},
    {"sha512", 7, 1, A, 0, Ymm},
    {"sm3", 7, 1, A, 1, Ymm},
    {"sm4", 7, 1, A, 2, Ymm},
    {"raoint", 7, 1, A, 3, Basic},
    {"avxvnni", 7, 1, A, 4, Ymm},
    {"avx512bf16", 7, 1, A, 5, Zmm},
    {"cmpccxadd", 7, 1, A, 7, Basic},
    {"amx-fp16", 7, 1, A, 21, Tile},
    {"hreset", 7, 1, A, 22, Basic},
    {"avxifma", 7, 1, A, 23, Ymm},
    {"avxvnniint8", 7, 1, D, 4, Ymm},
    {"avxneconvert", 7, 1, D, 5, Ymm},
    {"amx-complex", 7, 1, D, 8, Tile},
    {"avxvnniint16", 7, 1, D, 10, Ymm},
    {"prefetchi", 7, 1, D, 14, Basic},
    {"avx10.1", 7, 1, D, 19, Zmm},
    {"egpr", 7, 1, D, 21, Egpr},
    {"ndd", 7, 1, D, 21, Egpr},
    {"nf", 7, 1, D, 21, Egpr},
    {"cf", 7, 1, D, 21, Egpr},
    {"zu", 7, 1, D, 21, Egpr},
    {"ccmp", 7, 1, D, 21, Egpr},
    {"ppx", 7, 1, D, 21, Egpr},
    {"push2pop2", 7, 1, D, 21, Egpr},
    {"xsaveopt", 0xd, 1, A, 0, Basic},
    {"xsavec", 0xd, 1, A, 1, Basic},
    {"xsaves", 0xd, 1, A, 3, Basic},
    {"ptwrite", 0x14, 0, B, 4, Basic},
    {"widekl", 0x19, 0, B, 2, Basic},
    {"sahf", 0x80000001, 0, C, 0, Basic},
    {"lzcnt", 0x80000001, 0, C, 5, Basic},
    {"sse4a", 0x80000001, 0, C, 6, Basic},
    {"prfchw", 0x80000001, 0, C, 8, Basic},
    {"xop", 0x80000001, 0, C, 11, Ymm},
    {"lwp", 0x80000001, 0, C, 15, Basic},
    {"fma4", 0x80000001, 0, C, 16, Ymm},
    {"tbm", 0x80000001, 0, C, 21, Basic},
    {"mwaitx", 0x80000001, 0, C, 29, Basic},
    {"64bit", 0x80000001, 0, D, 29, Basic},
    {"clzero", 0x80000008, 0, B, 0, Basic},
    {"rdpru", 0x80000008, 0, B, 4, Basic},
    {"wbnoinvd", 0x80000008, 0, B, 9, Basic},
};

// Advice to the code generator, not instructions.
const char *const tuningNames[] = {"evex512", "x87", "prefer-256-bit",
                                   "prefer-128-bit"};

} // namespace

static uint64_t enabledState() {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1))
    return 0;
  uint32_t low, high;
  // xgetbv, spelled so that the file needs no -mxsave.
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

static bool offers(const Feature &feature, uint64_t state) {
  uint32_t regs[4];
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &regs[A], &regs[B],
                         &regs[C], &regs[D]))
    return false;
  return (regs[feature.reg] >> feature.bit & 1) &&
         (state & feature.state) == feature.state;
}

/// AVX10 counts its versions: cpuid says the newest.
static bool offersAvx10(uint32_t version, uint64_t state) {
  uint32_t a, b, c, d;
  return offers({"avx10.1", 7, 1, D, 19, Zmm}, state) &&
         __get_cpuid_count(0x24, 0, &a, &b, &c, &d) && (b & 0xff) >= version;
}

static bool offers(std::string_view name, uint64_t state) {
  if (name == "avx10.2")
    return offersAvx10(2, state);
  for (const char *tuning : tuningNames)
    if (name == tuning)
      return true;
  for (const Feature &feature : features)
    if (name == feature.name)
      return offers(feature, state);
  return false;
}

std::vector<std::string>
mixln::rt::missingCpuFeatures(const std::vector<std::string> &required) {
  std::vector<std::string> missing;
  uint64_t state = enabledState();
  for (const std::string &entry : required) {
    std::string_view name = entry;
    if (name.starts_with('+'))
      name.remove_prefix(1);
    else if (name.starts_with('-'))
      continue;
    if (!offers(name, state))
      missing.emplace_back(name);
  }
  return missing;
}

bool mixln::rt::usesDotProducts(const Program &program) {
  return program.dtype != "fp32" &&
         std::any_of(program.cpuFeatures.begin(), program.cpuFeatures.end(),
                     [](const std::string &feature) {
                       return feature == "avx512bf16" ||
                              feature == "+avx512bf16";
                     });
}

std::string mixln::rt::cpuModelName() {
  uint32_t words[12] = {};
  for (uint32_t leaf = 0; leaf < 3; ++leaf)
    if (!__get_cpuid(0x80000002 + leaf, &words[4 * leaf], &words[4 * leaf + 1],
                     &words[4 * leaf + 2], &words[4 * leaf + 3]))
      return "unknown";
  char text[sizeof words + 1] = {};
  std::memcpy(text, words, sizeof words);
  std::string_view name = text;
  while (!name.empty() && name.front() == ' ')
    name.remove_prefix(1);
  while (!name.empty() && name.back() == ' ')
    name.remove_suffix(1);
  return std::string(name);
}
