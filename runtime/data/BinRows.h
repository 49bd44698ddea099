//===- BinRows.h - Tokenized files ------------------------------*- C++ -*-===//
//
// A .bin file is a header of 64 bytes and token ids, all little endian:
//
//   0   8 bytes  "MIXLNBIN"
//   8   uint32   version, 1
//   12  uint32   bytes an id: 2 or 4
//   16  uint32   packing: 0 = pad, 1 = concat
//   20  uint32   T, the length of a row
//   24  uint64   number of ids that follow, a multiple of T
//   32  uint64   vocabulary size of the tokenizer
//   40  uint64   hash (xxh64) of the tokenizer's file
//   48  16 bytes zero
//
// In a row of `pad`, the zeros at its end are padding. Rows of `concat` may be
// read with any T: they are one stream, cut anew. Without a header (--raw) a
// file is a stream of uint16 or uint32 ids.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_RT_DATA_BINROWS_H
#define MIXLN_RT_DATA_BINROWS_H

#include "data/Rows.h"

namespace mixln::rt {

struct BinHeader {
  uint32_t idBytes = 2;
  Packing packing = Packing::Pad;
  uint32_t length = 0;
  uint64_t ids = 0;
  uint64_t vocabSize = 0;
  uint64_t tokenizerHash = 0;
};

constexpr size_t kBinHeaderBytes = 64;

std::string encodeBinHeader(const BinHeader &header);

/// Whether a file begins as one with a header does.
bool hasBinHeader(const std::string &path);

std::unique_ptr<RowSource> openBinRows(std::vector<std::string> files,
                                       const RowOptions &options);

} // namespace mixln::rt

#endif // MIXLN_RT_DATA_BINROWS_H
