//===- RowwiseOp.cpp - Row programs ---------------------------------------===//

#include "mixln/IR/Mixln.h"

#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace mixln;

//===----------------------------------------------------------------------===//
// Types of operands, arguments and results
//===----------------------------------------------------------------------===//

AffineMap RowwiseOp::identityMap(MLIRContext *context, unsigned rank) {
  return AffineMap::getMultiDimIdentityMap(rank, context);
}

AffineMap RowwiseOp::sumAllMap(MLIRContext *context, unsigned rank) {
  return AffineMap::get(rank, 0, context);
}

Type RowwiseOp::rowArgumentType(RankedTensorType type, AffineMap map) {
  Type element = type.getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isInteger(32))
    return {};
  int64_t left = type.getRank() - int64_t(map.getNumResults());
  Type computed =
      element.isInteger(32) ? element : Float32Type::get(type.getContext());
  if (left == 0)
    return computed;
  if (left == 1 && !element.isInteger(32))
    return VectorType::get(type.getShape().back(), computed);
  return {};
}

Type RowwiseOp::sharedArgumentType(RankedTensorType type) {
  Type f32 = Float32Type::get(type.getContext());
  if (type.getRank() != 1 ||
      !isa<Float32Type, BFloat16Type>(type.getElementType()))
    return {};
  if (type.getDimSize(0) == 1)
    return f32;
  return VectorType::get(type.getDimSize(0), f32);
}

RankedTensorType RowwiseOp::rowResultType(ArrayRef<int64_t> domain, Type type) {
  SmallVector<int64_t> shape(domain);
  Type element = type;
  if (auto vector = dyn_cast<VectorType>(type)) {
    shape.push_back(vector.getDimSize(0));
    element = vector.getElementType();
  }
  return RankedTensorType::get(shape, element);
}

RankedTensorType RowwiseOp::sumResultType(ArrayRef<int64_t> domain,
                                          AffineMap map, Type type) {
  SmallVector<int64_t> shape;
  for (AffineExpr result : map.getResults())
    shape.push_back(domain[cast<AffineDimExpr>(result).getPosition()]);
  Type element = type;
  if (auto vector = dyn_cast<VectorType>(type)) {
    shape.push_back(vector.getDimSize(0));
    element = vector.getElementType();
  } else if (shape.empty()) {
    shape.push_back(1);
  }
  return RankedTensorType::get(shape, element);
}

YieldOp RowwiseOp::getYield() {
  return cast<YieldOp>(getBodyBlock()->getTerminator());
}

/// Fills what both the builder and the parser know of an operation.
static void setProperties(RowwiseOp::Properties &properties, Builder &builder,
                          ArrayRef<int64_t> domain, ArrayRef<AffineMap> rowMaps,
                          ArrayRef<AffineMap> sumMaps,
                          ArrayRef<int64_t> intoSums, ArrayRef<double> values,
                          std::array<size_t, 3> operands,
                          std::array<size_t, 2> results) {
  properties.domain = builder.getDenseI64ArrayAttr(domain);
  properties.row_maps = builder.getAffineMapArrayAttr(rowMaps);
  properties.sum_maps = builder.getAffineMapArrayAttr(sumMaps);
  properties.into_sums = builder.getDenseI64ArrayAttr(intoSums);
  properties.values = builder.getDenseF64ArrayAttr(values);
  llvm::copy(operands, properties.operandSegmentSizes.begin());
  llvm::copy(results, properties.resultSegmentSizes.begin());
}

void RowwiseOp::build(OpBuilder &builder, OperationState &state,
                      ArrayRef<int64_t> domain, ValueRange rows,
                      ArrayRef<AffineMap> rowMaps, ValueRange shared,
                      ArrayRef<double> values, TypeRange rowResults,
                      TypeRange sumResults, ArrayRef<AffineMap> sumMaps,
                      ValueRange into, ArrayRef<int64_t> intoSums) {
  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps(rowMaps), sums(sumMaps);
  if (maps.empty())
    maps.assign(rows.size(), identityMap(context, domain.size()));
  if (sums.empty())
    sums.assign(sumResults.size(), sumAllMap(context, domain.size()));

  setProperties(state.getOrAddProperties<Properties>(), builder, domain, maps,
                sums, intoSums, values,
                {rows.size(), shared.size(), into.size()},
                {rowResults.size(), sumResults.size()});
  state.addOperands(rows);
  state.addOperands(shared);
  state.addOperands(into);
  for (Type type : rowResults)
    state.addTypes(rowResultType(domain, type));
  for (auto [type, map] : llvm::zip_equal(sumResults, sums))
    state.addTypes(sumResultType(domain, map, type));

  Block &block = state.addRegion()->emplaceBlock();
  for (auto [row, map] : llvm::zip_equal(rows, maps))
    block.addArgument(
        rowArgumentType(cast<RankedTensorType>(row.getType()), map),
        row.getLoc());
  for (Value value : shared)
    block.addArgument(
        sharedArgumentType(cast<RankedTensorType>(value.getType())),
        value.getLoc());
  for (unsigned i = 0; i < values.size(); ++i)
    block.addArgument(builder.getF32Type(), state.location);
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// The least and the greatest number.
using Bounds = std::pair<int64_t, int64_t>;

/// Bounds of `a` + `b` or `a` * `b`; none where they overflow.
template <typename Function>
static std::optional<Bounds> combine(Bounds a, Bounds b, Function function) {
  std::optional<int64_t> first = function(a.first, b.first);
  std::optional<int64_t> second = function(a.second, b.second);
  if (!first || !second)
    return std::nullopt;
  return std::minmax(*first, *second);
}

/// Bounds of an index on `domain`. None where it is no number that kernels can
/// compute: they divide unsigned numbers, and only by constants.
static std::optional<Bounds> boundsOf(AffineExpr expr,
                                      ArrayRef<int64_t> domain) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return Bounds(0, domain[dim.getPosition()] - 1);
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Bounds(constant.getValue(), constant.getValue());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  std::optional<Bounds> a = boundsOf(binary.getLHS(), domain);
  std::optional<Bounds> b = boundsOf(binary.getRHS(), domain);
  if (!a || !b)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return combine(*a, *b, llvm::checkedAdd<int64_t>);
  // Everything else has a constant on the right.
  int64_t factor = b->first;
  if (factor != b->second)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Mul)
    return combine(*a, *b, llvm::checkedMul<int64_t>);
  if (factor <= 0 || a->first < 0)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return Bounds(a->first / factor, a->second / factor);
  if (expr.getKind() == AffineExprKind::CeilDiv)
    return Bounds(llvm::divideCeilSigned(a->first, factor),
                  llvm::divideCeilSigned(a->second, factor));
  return a->second < factor ? *a : Bounds(0, factor - 1);
}

static LogicalResult verifyRowOperand(RowwiseOp op, unsigned i) {
  auto type = cast<RankedTensorType>(op.getRows()[i].getType());
  AffineMap map = op.getRowMap(i);
  ArrayRef<int64_t> domain = op.getDomain();
  if (map.getNumDims() != domain.size() || map.getNumSymbols() != 0)
    return op.emitOpError()
           << "map of row operand " << i << " has " << map.getNumDims()
           << " dimensions, the domain has " << domain.size();
  Type expected = RowwiseOp::rowArgumentType(type, map);
  Type found = op.getRowArgument(i).getType();
  if (found != expected)
    return op.emitOpError()
           << "argument of row operand " << i << " has type " << found
           << " but " << type << " is read through " << op.getRowMaps()[i];
  for (auto [result, extent] : llvm::zip(map.getResults(), type.getShape())) {
    std::optional<Bounds> bounds = boundsOf(result, domain);
    if (!bounds)
      return op.emitOpError()
             << "map of row operand " << i << " is " << op.getRowMaps()[i]
             << ", expected sums and multiples of dimensions, and what is not "
                "negative divided by positive constants";
    if (bounds->first < 0)
      return op.emitOpError() << "row operand " << i << " of type " << type
                              << " is read from index " << bounds->first;
    if (bounds->second >= extent)
      return op.emitOpError() << "row operand " << i << " of type " << type
                              << " is read up to index " << bounds->second
                              << " of a dimension of " << extent;
  }
  return success();
}

/// A number, or a row of numbers.
static bool canBeYielded(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (vector && (vector.getRank() != 1 || vector.isScalable()))
    return false;
  return (vector ? vector.getElementType() : type).isIntOrFloat();
}

/// Whether a value of type `computed` may lie in memory as `found`: f32 may be
/// narrower there.
static bool canBeStored(RankedTensorType computed, RankedTensorType found) {
  return found == computed ||
         (computed.getElementType().isF32() &&
          found == computed.clone(BFloat16Type::get(found.getContext())));
}

LogicalResult RowwiseOp::verifyRegions() {
  if (failed(verifyExtents(*this)))
    return failure();
  ArrayRef<int64_t> domain = getDomain();
  if (domain.empty() || domain.size() > 2)
    return emitOpError() << "domain has " << domain.size()
                         << " dimensions, expected (rows) or (rows, heads)";
  if (llvm::any_of(domain, [](int64_t size) { return size <= 0; }))
    return emitOpError("domain has an extent that is not positive");
  if (getRowMaps().size() != getRows().size())
    return emitOpError() << "has " << getRows().size() << " row operands and "
                         << getRowMaps().size() << " maps of them";
  unsigned expectedArguments =
      getRows().size() + getShared().size() + getValues().size();
  if (getBodyBlock()->getNumArguments() != expectedArguments)
    return emitOpError() << "region has " << getBodyBlock()->getNumArguments()
                         << " arguments, expected " << expectedArguments;
  for (unsigned i = 0; i < getRows().size(); ++i)
    if (failed(verifyRowOperand(*this, i)))
      return failure();
  for (unsigned i = 0; i < getShared().size(); ++i) {
    auto type = cast<RankedTensorType>(getShared()[i].getType());
    if (sharedArgumentType(type) != getSharedArgument(i).getType())
      return emitOpError() << "argument of shared operand " << i << " has type "
                           << getSharedArgument(i).getType()
                           << " but the operand has type " << type;
  }
  for (unsigned i = 0; i < getValues().size(); ++i)
    if (!getValueArgument(i).getType().isF32())
      return emitOpError() << "argument of value " << i << " has type "
                           << getValueArgument(i).getType() << ", expected f32";

  auto yield = dyn_cast<YieldOp>(getBodyBlock()->getTerminator());
  if (!yield)
    return emitOpError("region must end in mixln.yield");
  if (yield.getRows().size() != getRowResults().size() ||
      yield.getSums().size() != getSumResults().size())
    return emitOpError() << "yields " << yield.getRows().size() << " rows and "
                         << yield.getSums().size() << " sums but has "
                         << getRowResults().size() << " and "
                         << getSumResults().size() << " results";
  for (Type type : yield->getOperandTypes())
    if (!canBeYielded(type))
      return emitOpError() << "yields " << type
                           << ", expected a number or a vector of rank 1";
  if (getSumMaps().size() != getSumResults().size())
    return emitOpError() << "has " << getSumResults().size() << " sums and "
                         << getSumMaps().size() << " maps of them";
  for (auto [value, result] : llvm::zip(yield.getRows(), getRowResults())) {
    RankedTensorType expected = rowResultType(domain, value.getType());
    auto found = cast<RankedTensorType>(result.getType());
    // Rows may also have a layout of their own.
    if (!canBeStored(expected, RankedTensorType::get(found.getShape(),
                                                     found.getElementType())))
      return emitOpError() << "row result has type " << found << ", expected "
                           << expected;
  }
  for (auto [i, value] : llvm::enumerate(yield.getSums())) {
    AffineMap map = getSumMap(i);
    if (map.getNumDims() != domain.size() || map.getNumResults() > 1 ||
        llvm::any_of(map.getResults(), [](AffineExpr expr) {
          auto dim = dyn_cast<AffineDimExpr>(expr);
          return !dim || dim.getPosition() == 0;
        }))
      return emitOpError() << "map of sum " << i
                           << " must keep heads or nothing, found "
                           << getSumMaps()[i];
    RankedTensorType expected = sumResultType(domain, map, value.getType());
    auto found = cast<RankedTensorType>(getSumResults()[i].getType());
    if (!canBeStored(expected, found))
      return emitOpError() << "sum result has type "
                           << getSumResults()[i].getType() << ", expected "
                           << expected;
  }
  if (getIntoSums().size() != getInto().size())
    return emitOpError() << "has " << getInto().size()
                         << " initial values of sums and "
                         << getIntoSums().size() << " numbers of sums";
  llvm::SmallDenseSet<int64_t> seen;
  for (auto [sum, init] : llvm::zip(getIntoSums(), getInto())) {
    if (sum < 0 || sum >= static_cast<int64_t>(getSumResults().size()) ||
        !seen.insert(sum).second)
      return emitOpError() << "into names sum " << sum
                           << " that does not exist or stands twice";
    if (init.getType() != getSumResults()[sum].getType())
      return emitOpError() << "sum " << sum << " starts from " << init.getType()
                           << " but has type "
                           << getSumResults()[sum].getType();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

using OperandList = SmallVector<OpAsmParser::UnresolvedOperand>;

/// A type, followed by `by` and a map where `maps` is given and the map is not
/// the default.
static ParseResult parseTypeAndMap(OpAsmParser &parser,
                                   SmallVectorImpl<Type> &types,
                                   SmallVectorImpl<AffineMap> *maps,
                                   AffineMap defaultMap) {
  if (parser.parseType(types.emplace_back()))
    return failure();
  if (!maps)
    return success();
  AffineMap map = defaultMap;
  if (succeeded(parser.parseOptionalKeyword("by")) &&
      parser.parseAffineMap(map))
    return failure();
  maps->push_back(map);
  return success();
}

/// `(` %a, %b `:` type, type by map `)`.
static ParseResult parseOperands(OpAsmParser &parser, OperandList &operands,
                                 SmallVectorImpl<Type> &types,
                                 SmallVectorImpl<AffineMap> *maps,
                                 AffineMap defaultMap) {
  return failure(parser.parseLParen() || parser.parseOperandList(operands) ||
                 parser.parseColon() || parser.parseCommaSeparatedList([&] {
                   return parseTypeAndMap(parser, types, maps, defaultMap);
                 }) ||
                 parser.parseRParen());
}

static ParseResult parseResults(OpAsmParser &parser,
                                SmallVectorImpl<Type> &types,
                                SmallVectorImpl<AffineMap> *maps,
                                AffineMap defaultMap) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
    return parseTypeAndMap(parser, types, maps, defaultMap);
  });
}

ParseResult RowwiseOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  SmallVector<int64_t> domain;
  auto parseExtent = [&]() {
    return parser.parseInteger(domain.emplace_back());
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseExtent))
    return failure();
  MLIRContext *context = parser.getContext();
  AffineMap identity = identityMap(context, domain.size());
  AffineMap sumAll = sumAllMap(context, domain.size());

  OperandList rows, shared, into;
  SmallVector<Type> rowTypes, sharedTypes, intoTypes, rowResults, sumResults;
  SmallVector<AffineMap> rowMaps, sumMaps;
  SmallVector<double> values;
  SmallVector<int64_t> intoSums;
  SMLoc loc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("rows")) &&
      parseOperands(parser, rows, rowTypes, &rowMaps, identity))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("shared")) &&
      parseOperands(parser, shared, sharedTypes, nullptr, {}))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("values")) &&
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
        return parser.parseFloat(values.emplace_back());
      }))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("into")) &&
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&] {
        return failure(parser.parseInteger(intoSums.emplace_back()) ||
                       parser.parseColon() ||
                       parser.parseOperand(into.emplace_back()) ||
                       parser.parseColonType(intoTypes.emplace_back()));
      }))
    return failure();
  if (parser.parseArrow())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("rows")) &&
      parseResults(parser, rowResults, nullptr, {}))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("sums")) &&
      parseResults(parser, sumResults, &sumMaps, sumAll))
    return failure();
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  Region *body = state.addRegion();
  if (parser.parseRegion(*body))
    return failure();

  setProperties(state.getOrAddProperties<Properties>(), builder, domain,
                rowMaps, sumMaps, intoSums, values,
                {rows.size(), shared.size(), into.size()},
                {rowResults.size(), sumResults.size()});
  state.addTypes(rowResults);
  state.addTypes(sumResults);
  return failure(
      parser.resolveOperands(rows, rowTypes, loc, state.operands) ||
      parser.resolveOperands(shared, sharedTypes, loc, state.operands) ||
      parser.resolveOperands(into, intoTypes, loc, state.operands));
}

static void printTypes(OpAsmPrinter &printer, TypeRange types, ArrayAttr maps,
                       AffineMap defaultMap) {
  for (auto [i, type] : llvm::enumerate(types)) {
    if (i > 0)
      printer << ", ";
    printer << type;
    if (!maps)
      continue;
    AffineMap map = cast<AffineMapAttr>(maps[i]).getValue();
    if (map != defaultMap)
      printer << " by " << map;
  }
}

void RowwiseOp::print(OpAsmPrinter &printer) {
  AffineMap identity = identityMap(getContext(), getDomain().size());
  AffineMap sumAll = sumAllMap(getContext(), getDomain().size());
  printer << " [";
  llvm::interleaveComma(getDomain(), printer);
  printer << "]";
  if (!getRows().empty()) {
    printer << " rows(" << getRows() << " : ";
    printTypes(printer, getRows().getTypes(), getRowMaps(), identity);
    printer << ")";
  }
  if (!getShared().empty())
    printer << " shared(" << getShared() << " : " << getShared().getTypes()
            << ")";
  if (!getValues().empty()) {
    printer << " values(";
    llvm::interleaveComma(getValues(), printer, [&](double value) {
      printer.printFloat(APFloat(value));
    });
    printer << ")";
  }
  if (!getInto().empty()) {
    printer << " into(";
    llvm::interleaveComma(
        llvm::zip(getIntoSums(), getInto()), printer, [&](auto pair) {
          printer << std::get<0>(pair) << ": " << std::get<1>(pair) << " : "
                  << std::get<1>(pair).getType();
        });
    printer << ")";
  }
  printer << " ->";
  if (!getRowResults().empty()) {
    printer << " rows(";
    printTypes(printer, getRowResults().getTypes(), {}, {});
    printer << ")";
  }
  if (!getSumResults().empty()) {
    printer << " sums(";
    printTypes(printer, getSumResults().getTypes(), getSumMaps(), sumAll);
    printer << ")";
  }
  printer.printOptionalAttrDictWithKeyword(
      llvm::to_vector((*this)->getDiscardableAttrs()));
  printer << " ";
  printer.printRegion(getBody());
}
