//===- MatmulTiles.h - Tiles of a product on a GPU --------------*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_MATMULTONVVM_MATMULTILES_H
#define MIXLN_LIB_CONVERSION_MATMULTONVVM_MATMULTILES_H

#include "mixln/Conversion/MatmulToNVVM.h"

namespace mixln::matmul {

/// Extents of a block's tile, and how its warps share it.
struct TileShape {
  int64_t rows, columns, depth;
  int64_t warpRows, warpColumns; ///< of a warp's part; of a thread's for fma
  int64_t threads() const;
  bool onTensorCores;
};
const TileShape &shapeOf(const GpuMatmulSpec &spec);

/// Elements from a row of the finished tile to the next: rows g and g + 1 of a
/// quarter of a warp in different banks.
inline int64_t sumStride(const TileShape &shape) { return shape.columns + 8; }

/// `count` neighbours of the product at (row, column) of D.
using EmitProduct = llvm::function_ref<void(
    mlir::Value product, mlir::Value row, mlir::Value column, int64_t count)>;

/// A matrix in memory and the part of it that a tile shows.
struct Matrix {
  mlir::Value base, leading;
  mlir::Value rows, columns; ///< that exist
};

/// A kernel while it is written.
struct MatmulCode {
  GpuBuilder &b;
  const GpuMatmulSpec &spec;
  const TileShape &shape;
  mlir::Value thread;
  mlir::Value firstRow, firstColumn; ///< of the block's tile
  mlir::Value m, n, k;
  Matrix a, c; ///< the sides as they are stored

  /// Calls `body` with row and column of each chunk of `width` columns that is
  /// this thread's; unrolled.
  void forChunks(
      int64_t rows, int64_t columns, int64_t width,
      llvm::function_ref<void(mlir::Value row, mlir::Value column)> body) const;
  /// Elements [row, column ... + width) of `matrix` as numbers, zero where it
  /// has none.
  mlir::Value loadInside(const Matrix &matrix, mlir::Value row,
                         mlir::Value column, int64_t width) const;
};

int64_t mmaSharedBytes(const GpuMatmulSpec &spec);
int64_t fmaSharedBytes(const GpuMatmulSpec &spec);
/// Computes the tile and leaves it in shared memory, rows of f32.
void emitMmaTile(const MatmulCode &code);
void emitFmaTile(const MatmulCode &code);

mlir::Type typeOf(GpuBuilder &b, Element element);

/// Writes the body of a kernel whose sizes are those of GpuMatmulSizes; what is
/// done with the product is `emit`'s.
void emitBody(GpuBuilder &b, const GpuMatmulSpec &spec,
              GpuBuilder::Parameters parameters, mlir::Value left,
              mlir::Value right, EmitProduct emit);

} // namespace mixln::matmul

#endif // MIXLN_LIB_CONVERSION_MATMULTONVVM_MATMULTILES_H
