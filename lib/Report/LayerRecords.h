//===- LayerRecords.h - Measurements by layer -------------------*- C++ -*-===//
//
// A record is an object. Arrays of numbers are one value a layer (or, with one
// more, one a place between layers); nested objects give dotted names; a list
// of objects is one object a layer. The same names come out of
//
//   {"step": 8, "stream_rms": [1, 2], "attention": {"ratio": [3, 4]}}
//   {"step": 8, "layers": [{"stream_rms": 1, "attention": {"ratio": 3}}, ...]}
//
//===----------------------------------------------------------------------===//

#ifndef MIXLN_LIB_REPORT_LAYERRECORDS_H
#define MIXLN_LIB_REPORT_LAYERRECORDS_H

#include "mixln/Report/Run.h"

namespace mixln::report {

/// Adds the record to the fields as their row `row`; arrays of arrays become
/// matrices.
void addLayerRecord(const nlohmann::ordered_json &record, size_t row,
                    LayerMeasurements &measurements);

/// Fields of two values a layer, attention and MLP, become NAME.attention and
/// NAME.mlp.
void splitSubLayers(LayerMeasurements &measurements, size_t layers);

} // namespace mixln::report

#endif // MIXLN_LIB_REPORT_LAYERRECORDS_H
