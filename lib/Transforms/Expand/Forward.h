//===- Forward.h - The forward pass of a model, once an entry ---*- C++ -*-===//

#ifndef MIXLN_LIB_TRANSFORMS_EXPAND_FORWARD_H
#define MIXLN_LIB_TRANSFORMS_EXPAND_FORWARD_H

#include "PlacementRule.h"
#include "Variables.h"

#include "llvm/ADT/StringMap.h"

namespace mixln {

/// Appends the forward to an entry, declaring variables as it meets them.
/// Methods that return null or failure have reported why.
class Forward {
public:
  Forward(ModelOp model, Variables &variables, mlir::Block *entry);
  /// Of one sequence that is generated: all of its positions at once, or one
  /// of them beside the keys and values of those before it (see
  /// GenerateEntries.cpp).
  enum class Generation { None, Prefill, Decode };
  Forward(ModelOp model, Variables &variables, mlir::Block *entry,
          Generation generation);

  /// Everything up to the logits [R, V].
  mlir::Value logits();

  /// The parts of which logits() is made, each in an entry of its own; between
  /// entries the streams lie in variables (see LayerEntries.cpp).
  mlir::LogicalResult declareStreams();
  mlir::LogicalResult beginAlone();
  mlir::LogicalResult layerAlone(BlockOp block, int64_t layer);
  mlir::Value headAlone();

  /// The variables of generation's entries.
  mlir::LogicalResult declareGeneration();
  /// Fills the caches with the keys and values of a prompt.
  mlir::LogicalResult prefill();

  /// Sums over the counted labels, [1] each: of the loss, and of the squared
  /// logarithm of the softmax's denominator (the z-loss).
  struct Losses {
    mlir::Value sum, zSum;
  };
  Losses loss(mlir::Value logits);
  /// The RMS of the first stream before layer 0 and after each layer, [L+1].
  mlir::Value streamRms();
  /// Before logits(): attention gives what measurements read.
  void beginMeasuring();
  /// The model's measurements at every layer and sub-layer, stored.
  mlir::LogicalResult measure();

  void store(mlir::Value value, mlir::StringRef variable);

private:
  using Streams = llvm::SmallVector<mlir::Value>;

  mlir::Value load(mlir::StringRef variable);
  mlir::LogicalResult table(mlir::StringRef name, double std,
                            mlir::StringRef parameterClass);
  /// The embedding and the streams before layer 0.
  mlir::LogicalResult begin();
  /// From the streams behind the last layer to the logits.
  mlir::Value head();
  mlir::Value getEmbedding();
  std::string streamVariable(unsigned stream);
  void loadStreams();
  void storeStreams();
  mlir::LogicalResult block(BlockOp block, int64_t layer);
  /// Replaces the streams by those after one sub-layer.
  mlir::LogicalResult subLayer(const SubLayer &subLayer);
  mlir::LogicalResult blocks();
  mlir::Value attention(const SubLayer &subLayer, mlir::Value input);
  /// What the queries read of k and v: of their own sequence, or of the caches.
  mlir::Value attend(mlir::Value q, mlir::Value k, mlir::Value v);
  std::string cacheVariable(mlir::StringRef what);
  mlir::Value mlp(const SubLayer &subLayer, mlir::Value input);
  /// input * W^T; the matrix is declared with its initial values.
  mlir::Value project(const SubLayer &subLayer, mlir::Value input,
                      mlir::StringRef weight, int64_t outputs,
                      mlir::StringRef weightClass, mlir::StringRef name);
  mlir::Value matmul(mlir::Value input, mlir::StringRef weight,
                     const mlir::Twine &site, const mlir::Twine &name);
  mlir::Value scaled(mlir::Value logits, double scale);
  /// The inner norm at `site`, if the placement has one.
  mlir::LogicalResult innerNorm(const SubLayer &subLayer, mlir::StringRef site,
                                mlir::StringRef name, mlir::Value &value);
  mlir::Value headScale(mlir::Value context);
  /// [R, heads * width] as [R, heads, width], and back.
  mlir::Value splitHeads(mlir::Value value, int64_t width);
  mlir::Value joinHeads(mlir::Value value);
  /// Emits a finished wiring as one row program over the leading dimensions of
  /// its rows. What it only hands through is no part of the program.
  mlir::FailureOr<Streams>
  emit(Wiring &wiring, mlir::ArrayRef<int64_t> domain,
       mlir::function_ref<mlir::Value(mlir::StringRef)> lookup,
       const mlir::Twine &site);
  mlir::FailureOr<Streams> emitEnd(mlir::StringRef name, bool isInit);
  /// A stream, `block`, `e` or `F`.
  mlir::Value lookup(mlir::StringRef name);
  std::string siteName(const mlir::Twine &name);

  ModelOp model;
  Variables &variables;
  mlir::OpBuilder builder;
  mlir::Location loc;
  Generation generation = Generation::None;
  int64_t rows, hidden, headDim;
  int64_t layer = -1;
  int64_t operations = 0; ///< of all row programs
  llvm::StringMap<mlir::Value> loaded;
  mlir::Value embedding, blockInput, branch;
  mlir::Value tap;
  bool tapsLayers = false, tapsSubLayers = false;
  bool isMeasured = false; ///< attention also gives what is measured of it
  mlir::ValueRange scores; ///< of the latest attention
  Streams streams;
  Streams firstStream; ///< before layer 0 and after each layer
  /// What a measurement may read at a sub-layer.
  struct Place {
    mlir::Value x, h, F, y;
    mlir::Value tap = {};                ///< whose gradient is that of x
    mlir::Value peak = {}, entropy = {}; ///< of attention's probabilities
  };
  llvm::SmallVector<Place> places; ///< attention, MLP, attention, ...
  mlir::LogicalResult tapStream(const mlir::Twine &site);
  mlir::Value measuredValue(mlir::StringRef input, const Place &place);
  mlir::LogicalResult measureAt(MeasureOp op, const Place &place,
                                int64_t index);
};

/// Whether a measurement reads what only `differentiate` makes.
bool isMeasuredLater(MeasureOp op);

} // namespace mixln

#endif // MIXLN_LIB_TRANSFORMS_EXPAND_FORWARD_H
