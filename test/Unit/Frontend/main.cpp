//===- main.cpp - Tests of the front --------------------------------------===//
//
// `mixln-frontend-tests --import CONFIG [NORM [B T]]` prints the import phase
// of a model instead of testing: for writing tests of later phases. With
// `--explain` it prints what was understood.
//
//===----------------------------------------------------------------------===//

#include "mixln/Frontend/Import.h"
#include "mixln/Transforms/Expand/Explain.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace mixln;

static int printImport(int argc, char **argv) {
  std::string error;
  mlir::MLIRContext context;
  NormRequest request;
  if (argc > 3)
    request.norm = argv[3];
  int64_t batch = argc > 4 ? std::atoi(argv[4]) : 2;
  int64_t seqLen = argc > 5 ? std::atoi(argv[5]) : 16;
  auto config = loadModelConfig(argv[2], error);
  if (succeeded(config)) {
    auto spec = resolveNorm(request, *config, error);
    if (succeeded(spec)) {
      if (auto module = importModel(&context, *config, *spec, batch, seqLen,
                                    error);
          succeeded(module)) {
        if (llvm::StringRef(argv[1]) == "--explain")
          return failed(explain(**module, llvm::outs()));
        (*module)->print(llvm::outs());
        return 0;
      }
    }
  }
  llvm::errs() << "error: " << error << "\n";
  return 2;
}

int main(int argc, char **argv) {
  if (argc > 2 && (llvm::StringRef(argv[1]) == "--import" ||
                   llvm::StringRef(argv[1]) == "--explain"))
    return printImport(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
