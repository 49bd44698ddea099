//===- Main.cpp - main() of every compiled executable ---------------------===//
//
// Linked with an object that defines the program's text and its kernels; only
// this file refers to them.
//
//===----------------------------------------------------------------------===//

#include "cli/Commands.h"
#include "mixln-rt/program-json.h"
#include "support/Errors.h"

using namespace mixln::rt;

// Weak: programs for CPUs have none.
extern const GpuImage mixln_gpu_images[] __attribute__((weak));
extern const int64_t mixln_gpu_image_count __attribute__((weak));

static int start(const Program &program, int argc, char **argv) {
  Executable executable{program, mixln_kernel_table, mixln_kernel_count,
                        argc > 0 ? argv[0] : "mixln"};
  if (&mixln_emulated_count) {
    executable.emulated = mixln_emulated_kernels;
    executable.emulatedCount = mixln_emulated_count;
  }
  if (&mixln_gpu_image_count) {
    executable.images = mixln_gpu_images;
    executable.imageCount = mixln_gpu_image_count;
  }
  return runExecutable(executable,
                       Arguments(argv + (argc > 0 ? 1 : 0), argv + argc));
}

int main(int argc, char **argv) {
  try {
    return start(parse(mixln_program_text, mixln_program_size), argc, argv);
  } catch (const std::exception &error) {
    note(cat("error: ", error.what()));
    return ExitFailed;
  }
}
