//===- Executable.cpp - Links a program with the runtime ------------------===//
//
// The runtime is a list of archives beside the tools. Any C++ compiler driver
// can link them: it only adds the C library. MIXLN_LINKER names another one.
//
//===----------------------------------------------------------------------===//

#include "mixln/Target/Executable.h"

#include "mixln-rt/program-json.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Globals
//===----------------------------------------------------------------------===//

static void addInteger(OpBuilder &builder, Location loc, StringRef name,
                       int64_t value) {
  LLVM::GlobalOp::create(builder, loc, builder.getI64Type(),
                         /*isConstant=*/true, LLVM::Linkage::External, name,
                         builder.getI64IntegerAttr(value));
}

LogicalResult mixln::addProgramGlobals(ModuleOp kernels,
                                       const rt::Program &program) {
  OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
  Location loc = kernels.getLoc();
  std::string text = rt::serialize(program);
  LLVM::GlobalOp::create(
      builder, loc, LLVM::LLVMArrayType::get(builder.getI8Type(), text.size()),
      /*isConstant=*/true, LLVM::Linkage::External, "mixln_program_text",
      builder.getStringAttr(text));
  addInteger(builder, loc, "mixln_program_size", text.size());

  SmallVector<StringRef> phases;
  if (program.target != "cuda")
    for (const rt::Kernel &kernel : program.kernels)
      llvm::append_range(phases, kernel.phases);
  addInteger(builder, loc, "mixln_kernel_count", phases.size());
  auto pointer = LLVM::LLVMPointerType::get(kernels.getContext());
  auto tableType = LLVM::LLVMArrayType::get(pointer, phases.size());
  auto table =
      LLVM::GlobalOp::create(builder, loc, tableType,
                             /*isConstant=*/true, LLVM::Linkage::External,
                             "mixln_kernel_table", Attribute());
  Block *block = builder.createBlock(&table.getInitializerRegion());
  builder.setInsertionPointToStart(block);
  Value entries = LLVM::UndefOp::create(builder, loc, tableType);
  for (auto [i, phase] : llvm::enumerate(phases)) {
    if (!kernels.lookupSymbol(phase))
      return kernels.emitError() << "kernel phase " << phase << " has no code";
    Value function = LLVM::AddressOfOp::create(builder, loc, pointer, phase);
    entries = LLVM::InsertValueOp::create(builder, loc, entries, function,
                                          static_cast<int64_t>(i));
  }
  LLVM::ReturnOp::create(builder, loc, entries);
  return success();
}

/// `text` as a private global with a zero behind it; returns its symbol.
static std::string addBytes(OpBuilder &builder, Location loc,
                            const Twine &symbol, StringRef text) {
  std::string name = symbol.str(), bytes = text.str();
  bytes.push_back('\0');
  LLVM::GlobalOp::create(
      builder, loc, LLVM::LLVMArrayType::get(builder.getI8Type(), bytes.size()),
      /*isConstant=*/true, LLVM::Linkage::Private, name,
      builder.getStringAttr(bytes), /*alignment=*/64);
  return name;
}

void mixln::addGpuImages(ModuleOp module, ArrayRef<DeviceImage> images) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  MLIRContext *context = module.getContext();
  auto pointer = LLVM::LLVMPointerType::get(context);
  auto imageType = LLVM::LLVMStructType::getLiteral(
      context, {pointer, pointer, pointer, builder.getI64Type()});
  SmallVector<std::array<std::string, 3>> symbols;
  for (auto [i, image] : llvm::enumerate(images))
    symbols.push_back(
        {addBytes(builder, loc, "mixln_gpu_arch_" + Twine(i), image.arch),
         addBytes(builder, loc, "mixln_gpu_kind_" + Twine(i), image.kind),
         addBytes(builder, loc, "mixln_gpu_data_" + Twine(i), image.data)});
  addInteger(builder, loc, "mixln_gpu_image_count", images.size());
  auto tableType = LLVM::LLVMArrayType::get(imageType, images.size());
  auto table = LLVM::GlobalOp::create(
      builder, loc, tableType, /*isConstant=*/true, LLVM::Linkage::External,
      "mixln_gpu_images", Attribute());
  Block *block = builder.createBlock(&table.getInitializerRegion());
  builder.setInsertionPointToStart(block);
  Value entries = LLVM::UndefOp::create(builder, loc, tableType);
  for (auto [i, image] : llvm::enumerate(images)) {
    Value entry = LLVM::UndefOp::create(builder, loc, imageType);
    for (int64_t field = 0; field < 3; ++field)
      entry = LLVM::InsertValueOp::create(
          builder, loc, entry,
          LLVM::AddressOfOp::create(builder, loc, pointer, symbols[i][field]),
          field);
    Value size =
        LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                 builder.getI64IntegerAttr(image.data.size()));
    entry = LLVM::InsertValueOp::create(builder, loc, entry, size, 3);
    entries = LLVM::InsertValueOp::create(builder, loc, entries, entry,
                                          static_cast<int64_t>(i));
  }
  LLVM::ReturnOp::create(builder, loc, entries);
}

//===----------------------------------------------------------------------===//
// Linking
//===----------------------------------------------------------------------===//

static std::string findLinker() {
  if (const char *named = std::getenv("MIXLN_LINKER"))
    return named;
  for (StringRef name : {"clang++-22", "clang++", "g++", "c++"})
    if (auto path = llvm::sys::findProgramByName(name))
      return *path;
  return {};
}

/// The linker's arguments for the runtime: the lines of mixln-link.txt, where
/// names of files beside it become paths.
static std::string readLinkLine(StringRef library,
                                SmallVectorImpl<std::string> &arguments) {
  SmallString<128> list(library);
  llvm::sys::path::append(list, "mixln-link.txt");
  auto buffer = llvm::MemoryBuffer::getFile(list, /*IsText=*/true);
  if (!buffer)
    return ("cannot read " + list + ": " + buffer.getError().message()).str();
  SmallVector<StringRef> lines;
  (*buffer)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines) {
    SmallString<128> file(library);
    llvm::sys::path::append(file, line.trim());
    arguments.push_back(llvm::sys::fs::exists(file) ? std::string(file)
                                                    : line.trim().str());
  }
  return {};
}

static std::string writeObject(StringRef object, SmallVectorImpl<char> &path) {
  int descriptor;
  if (auto error = llvm::sys::fs::createTemporaryFile("mixln-program", "o",
                                                      descriptor, path))
    return "cannot create a temporary file: " + error.message();
  llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
  stream << object;
  stream.close();
  if (stream.has_error())
    return ("cannot write " + Twine(path) + ": " + stream.error().message())
        .str();
  return {};
}

std::string mixln::linkExecutable(ArrayRef<StringRef> objects,
                                  StringRef toolPath, StringRef output) {
  SmallString<128> library(
      llvm::sys::path::parent_path(llvm::sys::path::parent_path(toolPath)));
  llvm::sys::path::append(library, "lib");
  SmallVector<std::string> runtime;
  if (std::string error = readLinkLine(library, runtime); !error.empty())
    return error;
  std::string linker = findLinker();
  if (linker.empty())
    return "no C++ compiler found to link with (looked for clang++-22, "
           "clang++, g++, c++); set MIXLN_LINKER to one";

  SmallString<128> errorPath, partial;
  SmallVector<SmallString<128>, 2> objectPaths(objects.size());
  SmallVector<std::unique_ptr<llvm::FileRemover>, 2> removers;
  for (auto [object, path] : llvm::zip(objects, objectPaths)) {
    std::string error = writeObject(object, path);
    if (!path.empty())
      removers.push_back(std::make_unique<llvm::FileRemover>(path));
    if (!error.empty())
      return error;
  }
  if (auto error =
          llvm::sys::fs::createTemporaryFile("mixln-link", "log", errorPath))
    return "cannot create a temporary file: " + error.message();
  llvm::FileRemover removeLog(errorPath);
  if (auto error =
          llvm::sys::fs::createUniqueFile(output + ".%%%%%%.tmp", partial))
    return ("cannot write " + output + ": " + error.message()).str();
  llvm::FileRemover removePartial(partial);

  SmallVector<StringRef> arguments = {linker};
  llvm::append_range(arguments, objectPaths);
  llvm::append_range(arguments, runtime);
  SmallVector<StringRef> tail = {"-static-libstdc++",
                                 "-static-libgcc",
                                 "-pthread",
                                 "-Wl,--gc-sections",
                                 "-o",
                                 partial};
  if (StringRef(linker).contains("clang"))
    tail.insert(tail.begin(), "-fuse-ld=lld");
  llvm::append_range(arguments, tail);
  std::optional<StringRef> redirects[] = {std::nullopt, errorPath.str(),
                                          errorPath.str()};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt,
                                         redirects, 0, 0, &message);
  if (status != 0) {
    auto log = llvm::MemoryBuffer::getFile(errorPath);
    return linker + " could not link the executable: " + message +
           (log ? (*log)->getBuffer().str() : std::string());
  }
  // A unique file is created readable by its owner alone.
  if (auto error = llvm::sys::fs::setPermissions(
          partial, static_cast<llvm::sys::fs::perms>(0755)))
    return ("cannot make " + partial + " executable: " + error.message()).str();
  if (auto error = llvm::sys::fs::rename(partial, output))
    return ("cannot write " + output + ": " + error.message()).str();
  removePartial.releaseFile();
  return {};
}
