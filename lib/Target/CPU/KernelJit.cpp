//===- KernelJit.cpp - Kernels in this process ----------------------------===//

#include "mixln/Target/CPU.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

using namespace llvm;
using namespace mixln;

struct KernelJit::Impl {
  std::unique_ptr<orc::LLJIT> jit;
};

KernelJit::KernelJit(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
KernelJit::~KernelJit() = default;

Expected<std::unique_ptr<KernelJit>> KernelJit::create(ArrayRef<char> object) {
  InitializeNativeTarget();
  InitializeNativeTargetAsmPrinter();
  auto jit = orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  auto buffer = MemoryBuffer::getMemBufferCopy(
      StringRef(object.data(), object.size()), "kernels.o");
  if (Error error = (*jit)->addObjectFile(std::move(buffer)))
    return std::move(error);
  auto impl = std::make_unique<Impl>();
  impl->jit = std::move(*jit);
  return std::unique_ptr<KernelJit>(new KernelJit(std::move(impl)));
}

Expected<void *> KernelJit::lookup(StringRef symbol) {
  auto address = impl->jit->lookup(symbol);
  if (!address)
    return address.takeError();
  return address->toPtr<void *>();
}
