//===- Block.h - How a product is cut -------------------------*- C++ -*-===//
//
// The extents that launches, kernels and blocks of a product agree on.
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_CONVERSION_MATMULTOVECTOR_BLOCK_H
#define MIXLN_LIB_CONVERSION_MATMULTOVECTOR_BLOCK_H

#include "mixln/Conversion/MatmulToVector.h"

namespace mixln {

/// Shape of the register tile.
struct Tile {
  int64_t rows, vectors;
};
Tile tileFor(const TargetInfo &target, bool rhsPacked);

/// Most steps of the inner dimension in one block.
int64_t blockDepth(bool transposeLhs, bool rhsPacked, bool gather);

} // namespace mixln

#endif // MIXLN_LIB_CONVERSION_MATMULTOVECTOR_BLOCK_H
