//===- LibraryMatmul.cpp --------------------------------------------------===//

#include "device/LibraryMatmul.h"
#include "device/ThreadPool.h"
#include "support/BFloat16.h"
#include "support/Errors.h"

#include <cstring>
#include <vector>

using namespace mixln::rt;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

static const MatmulTypes types[] = {
    {ElementType::F32, ElementType::F32, ElementType::F32, 4},
    {ElementType::BF16, ElementType::BF16, ElementType::BF16, 16},
    {ElementType::BF16, ElementType::BF16, ElementType::F32, 16},
};

static const MatmulEpilogue epilogues[] = {
    {"", kEpilogueDefault, false},
    {"bias", kEpilogueBias, true},
};

//===----------------------------------------------------------------------===//
// From a dispatch to a call
//===----------------------------------------------------------------------===//

static int64_t sizeOf(ElementType type) {
  return type == ElementType::BF16 ? 2 : 4;
}

static const char *nameOf(ElementType type) {
  return type == ElementType::BF16  ? "bf16"
         : type == ElementType::F32 ? "f32"
                                    : "i32";
}

int mixln::rt::cudaDataType(ElementType type) {
  return type == ElementType::BF16 ? kCudaR16BF : kCudaR32F;
}

static void checkOperand(const Kernel &kernel, const Dispatch &dispatch,
                         int index, const ColumnLayout &layout, bool writes,
                         bool reads) {
  const Operand &operand = dispatch.operands[index];
  int64_t size = sizeOf(layout.type);
  if (layout.leading < layout.rows)
    runFailed("damaged program: kernel ", kernel.name, ", operand ", index,
              ": leading dimension ", layout.leading, " is below the row of ",
              layout.rows);
  if (operand.offset % kMatmulAlignment != 0)
    runFailed("kernel ", kernel.name, ", operand ", index, ": offset ",
              operand.offset, " is not a multiple of ", kMatmulAlignment);
  int64_t bytes =
      layout.columns == 0
          ? 0
          : ((layout.columns - 1) * layout.leading + layout.rows) * size;
  if (bytes > operand.bytes)
    runFailed("kernel ", kernel.name, ", operand ", index, ": the product ",
              writes ? "writes " : "reads ", bytes,
              " bytes, its launch "
              "declares ",
              operand.bytes);
  if ((writes && !operand.writes) || (reads && !operand.reads))
    runFailed("kernel ", kernel.name, ", operand ", index, ": the product ",
              writes && !operand.writes ? "writes" : "reads",
              " what its launch does not declare so");
}

LibraryCall mixln::rt::describeMatmul(const Kernel &kernel,
                                      const Dispatch &dispatch) {
  const LibraryMatmul &matmul = kernel.matmul;
  const MatmulTypes *match = nullptr;
  for (const MatmulTypes &row : types)
    if (row.a == matmul.a && row.b == matmul.b && row.d == matmul.d)
      match = &row;
  if (!match)
    runFailed("kernel ", kernel.name, ": the library does not multiply ",
              nameOf(matmul.a), " with ", nameOf(matmul.b), " into ",
              nameOf(matmul.d));
  LibraryCall call;
  const MatmulEpilogue *epilogue = nullptr;
  for (const MatmulEpilogue &row : epilogues)
    if (matmul.epilogue == row.name)
      epilogue = &row;
  if (!epilogue)
    runFailed("kernel ", kernel.name, ": the library has no epilogue ",
              matmul.epilogue);
  call.epilogue = *epilogue;
  bool addsOther = matmul.accumulate && dispatch.operands.size() > 2 &&
                   !dispatch.operands[2].reads;
  size_t operands = 3 + addsOther + epilogue->hasBias;
  if (dispatch.sizes.size() != 6 || dispatch.operands.size() < operands)
    runFailed("damaged program: kernel ", kernel.name, " has ",
              dispatch.sizes.size(), " sizes and ", dispatch.operands.size(),
              " operands, expected 6 and ", operands);
  int64_t m = dispatch.sizes[0], n = dispatch.sizes[1], k = dispatch.sizes[2];
  int64_t lda = dispatch.sizes[3], ldb = dispatch.sizes[4],
          ldd = dispatch.sizes[5];
  if (m <= 0 || n <= 0 || k <= 0)
    runFailed("damaged program: kernel ", kernel.name, " multiplies ", m, " x ",
              k, " by ", k, " x ", n);
  call.rows = n;
  call.columns = m;
  call.depth = k;
  call.first = matmul.transposeB ? ColumnLayout{k, n, ldb, matmul.b}
                                 : ColumnLayout{n, k, ldb, matmul.b};
  call.transposeFirst = matmul.transposeB ? kCublasOpT : kCublasOpN;
  call.second = matmul.transposeA ? ColumnLayout{m, k, lda, matmul.a}
                                  : ColumnLayout{k, m, lda, matmul.a};
  call.transposeSecond = matmul.transposeA ? kCublasOpT : kCublasOpN;
  call.result = {n, m, ldd, matmul.d};
  call.beta = matmul.accumulate ? 1 : 0;
  if (addsOther)
    call.addendOperand = 3;
  if (epilogue->hasBias)
    call.biasOperand = 3 + addsOther;

  for (const ColumnLayout &layout : {call.first, call.second, call.result})
    call.isSlow |=
        layout.leading * sizeOf(layout.type) % match->fastLeadingBytes != 0;
  checkOperand(kernel, dispatch, call.firstOperand, call.first, false, true);
  checkOperand(kernel, dispatch, call.secondOperand, call.second, false, true);
  checkOperand(kernel, dispatch, call.resultOperand, call.result, true,
               matmul.accumulate && !addsOther);
  if (addsOther) {
    checkOperand(kernel, dispatch, call.addendOperand, call.result, false,
                 true);
    const Operand &result = dispatch.operands[call.resultOperand];
    const Operand &addend = dispatch.operands[call.addendOperand];
    if (addend.offset < result.offset + result.bytes &&
        result.offset < addend.offset + addend.bytes)
      runFailed("kernel ", kernel.name, ": what is added, at ", addend.offset,
                ", overlaps the result at ", result.offset);
  }
  if (epilogue->hasBias)
    checkOperand(kernel, dispatch, call.biasOperand, {n, 1, n, matmul.d}, false,
                 true);
  return call;
}

//===----------------------------------------------------------------------===//
// Plain loops
//===----------------------------------------------------------------------===//

static float load(const void *data, ElementType type, int64_t i) {
  if (type == ElementType::BF16)
    return fromBFloat16(static_cast<const uint16_t *>(data)[i]);
  return static_cast<const float *>(data)[i];
}

static void store(void *data, ElementType type, int64_t i, float value) {
  if (type == ElementType::BF16)
    static_cast<uint16_t *>(data)[i] = toBFloat16(value);
  else
    static_cast<float *>(data)[i] = value;
}

/// Vectors of `depth` numbers, one behind the other: row i of op(matrix) if
/// `byRows`, else column i.
static std::vector<float> gather(const ColumnLayout &layout, bool transposed,
                                 const void *data, int64_t depth, bool byRows,
                                 ThreadPool &pool) {
  bool alongColumn = byRows == transposed;
  int64_t count = alongColumn ? layout.columns : layout.rows;
  std::vector<float> numbers(count * depth);
  pool.forEach(count, [&](int64_t i) {
    for (int64_t p = 0; p < depth; ++p)
      numbers[i * depth + p] =
          load(data, layout.type,
               alongColumn ? i * layout.leading + p : p * layout.leading + i);
  });
  return numbers;
}

static double dot(const float *a, const float *b, int64_t depth) {
  constexpr int kSums = 8;
  double sums[kSums] = {};
  int64_t p = 0;
  for (; p + kSums <= depth; p += kSums)
    for (int i = 0; i < kSums; ++i)
      sums[i] += static_cast<double>(a[p + i]) * b[p + i];
  double total = 0;
  for (; p < depth; ++p)
    total += static_cast<double>(a[p]) * b[p];
  for (double sum : sums)
    total += sum;
  return total;
}

void mixln::rt::multiplyByLoops(const LibraryCall &call, void *const *pointers,
                                ThreadPool &pool) {
  std::vector<float> rows =
      gather(call.first, call.transposeFirst == kCublasOpT,
             pointers[call.firstOperand], call.depth, /*byRows=*/true, pool);
  std::vector<float> columns =
      gather(call.second, call.transposeSecond == kCublasOpT,
             pointers[call.secondOperand], call.depth, /*byRows=*/false, pool);
  void *result = pointers[call.resultOperand];
  const void *addend = pointers[call.addendOperand];
  pool.forEach(call.columns, [&](int64_t column) {
    for (int64_t row = 0; row < call.rows; ++row) {
      auto sum = static_cast<float>(dot(rows.data() + row * call.depth,
                                        columns.data() + column * call.depth,
                                        call.depth));
      int64_t at = column * call.result.leading + row;
      if (call.beta != 0)
        sum += call.beta * load(addend, call.result.type, at);
      if (call.biasOperand >= 0)
        sum += load(pointers[call.biasOperand], call.result.type, row);
      store(result, call.result.type, at, sum);
    }
  });
}
