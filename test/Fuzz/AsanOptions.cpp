//===- AsanOptions.cpp - Sanitizing beside a library that is not ----------===//
//
// LLVM's and MLIR's shared libraries are not instrumented: vectors that cross
// the border and memory that both sides allocate from one arena would be
// reported although nothing is wrong.
//
//===----------------------------------------------------------------------===//

extern "C" const char *__asan_default_options() {
  return "detect_container_overflow=0:allow_user_poisoning=0:"
         "detect_odr_violation=0:quarantine_size_mb=16:"
         "malloc_context_size=8";
}
