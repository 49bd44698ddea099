//===- AttentionPaths.h - The two ways to compute attention -----*- C++ -*-===//

#ifndef MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_ATTENTIONPATHS_H
#define MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_ATTENTIONPATHS_H

#include "mixln/Conversion/AttentionToNVVM.h"

namespace mixln::attention {

/// Tiles of the path on tensor cores, by the size of a head: what is in
/// registers grows with both. Queries of the forward and of dQ, keys of dK and
/// dV come 64 to a block; these are what they meet at a time.
struct MmaShape {
  int64_t mostHeadDim;
  int64_t keys;        ///< of the forward
  int64_t gradKeys;    ///< of dQ
  int64_t gradQueries; ///< of dK and dV
};

/// Null: the path on fma units.
const MmaShape *mmaShapeOf(const AttentionSpec &spec);

/// A tensor [rows, heads * headDim] seen from one head of one sequence.
struct HeadRows {
  mlir::Value base; ///< address of the head's first element of the sequence
  int64_t stride;
};
HeadRows headRows(GpuBuilder &b, const AttentionSpec &spec, mlir::Value tensor,
                  mlir::Value sequence, mlir::Value head, int64_t heads);

/// Number `block` as (outer, inner) with `count` inner ones.
std::pair<mlir::Value, mlir::Value> split(GpuBuilder &b, mlir::Value block,
                                          int64_t count);

/// The pointers of the forward, by name; null: not measured.
struct Pointers {
  Pointers(mlir::ValueRange p, const AttentionSpec &spec)
      : q(p[0]), k(p[1]), v(p[2]), cos(p[3]), sin(p[4]), ctx(p[5]), lse(p[6]) {
    if (spec.measured) {
      largest = p[7];
      entropy = p[8];
    }
  }
  mlir::Value q, k, v, cos, sin, ctx, lse, largest, entropy;
};

/// The pointers of the backward.
struct GradPointers {
  explicit GradPointers(mlir::ValueRange p)
      : q(p[0]), k(p[1]), v(p[2]), cos(p[3]), sin(p[4]), ctx(p[5]), lse(p[6]),
        dctx(p[7]), dq(p[8]), dk(p[9]), dv(p[10]), delta(p[11]) {}
  mlir::Value q, k, v, cos, sin, ctx, lse, dctx, dq, dk, dv, delta;
};

/// A score this far below the largest counts for nothing, and unlike that of
/// -infinity its product with a weight of zero is zero.
constexpr double kLeastScore = -1000;

Launch fmaLaunch(const AttentionSpec &spec, int64_t sequences);
Launch fmaGradLaunch(const AttentionSpec &spec, int64_t sequences);
void emitFmaForward(GpuBuilder &b, const AttentionSpec &spec,
                    const Pointers &p);
void emitFmaQueryGradient(GpuBuilder &b, const AttentionSpec &spec,
                          const GradPointers &p);
void emitFmaKeyGradient(GpuBuilder &b, const AttentionSpec &spec,
                        const GradPointers &p);

Launch mmaLaunch(const AttentionSpec &spec, int64_t sequences);
Launch mmaGradLaunch(const AttentionSpec &spec, int64_t sequences);
void emitMmaForward(GpuBuilder &b, const AttentionSpec &spec,
                    const Pointers &p);
void emitMmaQueryGradient(GpuBuilder &b, const AttentionSpec &spec,
                          const GradPointers &p);
void emitMmaKeyGradient(GpuBuilder &b, const AttentionSpec &spec,
                        const GradPointers &p);

} // namespace mixln::attention

#endif // MIXLN_LIB_CONVERSION_ATTENTIONTONVVM_ATTENTIONPATHS_H
