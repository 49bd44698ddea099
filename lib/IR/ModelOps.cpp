//===- ModelOps.cpp - Models, variables, entries --------------------------===//

#include "mixln/IR/Mixln.h"

using namespace mlir;
using namespace mixln;

static ParseResult parseRoleKeyword(OpAsmParser &parser, RoleAttr &role) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Role> symbol = symbolizeRole(keyword);
  if (!symbol)
    return parser.emitError(loc) << "unknown role '" << keyword << "'";
  role = RoleAttr::get(parser.getContext(), *symbol);
  return success();
}

static void printRoleKeyword(OpAsmPrinter &printer, Operation *,
                             RoleAttr role) {
  printer << stringifyRole(role.getValue());
}

// The printer of upstream rounds the numbers of an array to six digits; an
// immediate must survive being printed.
static ParseResult parseExactNumbers(OpAsmParser &parser,
                                     DenseF64ArrayAttr &numbers) {
  SmallVector<double> list;
  auto parseNumber = [&] { return parser.parseFloat(list.emplace_back()); };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseNumber))
    return failure();
  numbers = parser.getBuilder().getDenseF64ArrayAttr(list);
  return success();
}

static void printExactNumbers(OpAsmPrinter &printer, Operation *,
                              DenseF64ArrayAttr numbers) {
  printer << "[";
  llvm::interleaveComma(numbers.asArrayRef(), printer, [&](double number) {
    printer.printFloat(APFloat(number));
  });
  printer << "]";
}

//===----------------------------------------------------------------------===//
// ModelOp
//===----------------------------------------------------------------------===//

int64_t ModelOp::getInt(StringRef key) {
  return getConfig().getAs<IntegerAttr>(key).getInt();
}

double ModelOp::getDouble(StringRef key) {
  return getConfig().getAs<FloatAttr>(key).getValueAsDouble();
}

LogicalResult ModelOp::verify() {
  for (StringRef key :
       {"hidden_size", "intermediate_size", "num_attention_heads",
        "num_key_value_heads", "num_hidden_layers", "vocab_size", "batch_size",
        "seq_len"}) {
    auto value = getConfig().getAs<IntegerAttr>(key);
    if (!value)
      return emitOpError() << "config lacks the integer " << key;
    if (value.getInt() <= 0)
      return emitOpError() << key << " is " << value.getInt()
                           << ", expected a positive number";
  }
  for (StringRef key :
       {"rms_norm_eps", "rope_theta", "initializer_range", "embedding_std"})
    if (!getConfig().getAs<FloatAttr>(key))
      return emitOpError() << "config lacks the number " << key;
  for (StringRef key : {"attention_scale", "logit_scale"}) {
    Attribute value = getConfig().get(key);
    FloatAttr number = findDouble(key);
    if (value && !(number && number.getValueAsDouble() > 0 &&
                   number.getValue().isFinite()))
      return emitOpError() << key << " is " << value
                           << ", expected a positive number";
  }
  int64_t hidden = getInt("hidden_size"), heads = getInt("num_attention_heads");
  int64_t kvHeads = getInt("num_key_value_heads");
  if (hidden % heads != 0)
    return emitOpError() << "hidden_size " << hidden
                         << " is not a multiple of num_attention_heads "
                         << heads;
  if (heads % kvHeads != 0)
    return emitOpError() << "num_attention_heads " << heads
                         << " is not a multiple of num_key_value_heads "
                         << kvHeads;
  if (getHeadDim() % 2 != 0)
    return emitOpError() << "head dimension " << getHeadDim()
                         << " (hidden_size / num_attention_heads) is odd; "
                            "rotary embeddings pair its halves";
  int64_t blocks = llvm::range_size(getBody().getOps<BlockOp>());
  if (blocks != getInt("num_hidden_layers"))
    return emitOpError() << "num_hidden_layers is "
                         << getInt("num_hidden_layers") << " but the model has "
                         << blocks << " blocks";
  if (getStreams().empty())
    return emitOpError("has no stream");
  return success();
}

//===----------------------------------------------------------------------===//
// NormKindOp and PlacementOp
//===----------------------------------------------------------------------===//

/// The width N of a row of type vector<Nxf32>, or failure.
static FailureOr<int64_t> rowWidth(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getRank() != 1 || !vector.getElementType().isF32())
    return failure();
  return vector.getDimSize(0);
}

LogicalResult NormKindOp::verify() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getParams().size() + 1)
    return emitOpError() << "region has " << block.getNumArguments()
                         << " arguments, expected the row and "
                         << getParams().size() << " parameters";
  if (getInits().size() != getParams().size())
    return emitOpError() << "has " << getInits().size()
                         << " initial values for " << getParams().size()
                         << " parameters";
  Type row = block.getArgument(0).getType();
  if (failed(rowWidth(row)))
    return emitOpError() << "row has type " << row
                         << ", expected vector<Nxf32>";
  for (Type type : llvm::drop_begin(block.getArgumentTypes()))
    if (type != row && !type.isF32())
      return emitOpError() << "parameter has type " << type << ", expected "
                           << row << " or f32";
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getRows().size() != 1 || !yield.getSums().empty() ||
      yield.getRows().front().getType() != row)
    return emitOpError() << "must yield one row of type " << row;
  return success();
}

/// The type that the argument named `name` of a placement's region has; null
/// where any row will do.
static Type placementArgumentType(PlacementOp op, StringRef name, Type row,
                                  bool &isKnown) {
  auto param = op.getParams().getAs<DictionaryAttr>(name);
  isKnown = param || !name.contains('.');
  auto shape = param ? param.getAs<StringAttr>("shape") : StringAttr();
  if (shape && shape.getValue() == "scalar")
    return Float32Type::get(op.getContext());
  return row;
}

static LogicalResult verifyPlacementRegion(PlacementOp op, Region &region,
                                           ArrayAttr inputs) {
  if (region.empty())
    return success();
  Block &block = region.front();
  auto yield =
      dyn_cast_or_null<YieldOp>(block.empty() ? nullptr : &block.back());
  if (!yield)
    return op.emitOpError("every region must end in mixln.yield");
  if (yield.getRows().empty() || !yield.getSums().empty())
    return op.emitOpError("every region must yield rows and no sums");
  Type row = yield.getRows().front().getType();
  if (failed(rowWidth(row)))
    return op.emitOpError() << "yields " << row << ", expected vector<Nxf32>";
  if (!llvm::all_equal(yield.getRows().getTypes()))
    return op.emitOpError("yields rows of different widths");
  if (block.getNumArguments() < inputs.size())
    return op.emitOpError() << "region has " << block.getNumArguments()
                            << " arguments, expected the " << inputs.size()
                            << " named ones and numbers";
  for (auto [i, argument] : llvm::enumerate(block.getArguments())) {
    Type expected = Float32Type::get(op.getContext());
    if (i < inputs.size()) {
      StringRef name = cast<StringAttr>(inputs[i]).getValue();
      bool isKnown = false;
      expected = placementArgumentType(op, name, row, isKnown);
      if (!isKnown)
        return op.emitOpError() << "argument '" << name
                                << "' is no stream, no source and not in "
                                   "params";
    }
    if (argument.getType() != expected)
      return op.emitOpError()
             << "argument " << i << " has type " << argument.getType()
             << ", expected " << expected;
  }
  return success();
}

LogicalResult PlacementOp::verify() {
  for (NamedAttribute named : getParams()) {
    auto param = dyn_cast<DictionaryAttr>(named.getValue());
    auto shape = param ? param.getAs<StringAttr>("shape") : StringAttr();
    if (!shape || (shape.getValue() != "row" && shape.getValue() != "scalar"))
      return emitOpError() << "parameter '" << named.getName().getValue()
                           << "' needs the shape \"row\" or \"scalar\"";
    if (!param.getAs<FloatAttr>("init") || !param.getAs<StringAttr>("class"))
      return emitOpError() << "parameter '" << named.getName().getValue()
                           << "' needs a number init and a string class";
  }
  if (failed(verifyPlacementRegion(*this, getRead(), getReadInputs())))
    return failure();
  return verifyPlacementRegion(*this, getCombine(), getCombineInputs());
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

LogicalResult VariableOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape())
    return emitOpError() << "has type " << type << ", expected a static shape";
  if (getRole() == Role::Scalar && (type.getShape() != ArrayRef<int64_t>{1} ||
                                    !type.getElementType().isF32()))
    return emitOpError() << "is a scalar of type " << type
                         << ", expected tensor<1xf32>";
  return success();
}

/// The variable that `user` names must exist and have type `type`.
static LogicalResult verifyVariable(Operation *user, FlatSymbolRefAttr symbol,
                                    Type type, SymbolTableCollection &tables) {
  auto module = user->getParentOfType<ModuleOp>();
  auto variable = tables.lookupSymbolIn<VariableOp>(module, symbol);
  if (!variable)
    return user->emitOpError() << "unknown variable " << symbol;
  if (variable.getType() != type) {
    InFlightDiagnostic diag = user->emitOpError()
                              << "has type " << type << " but variable "
                              << symbol << " has type " << variable.getType();
    diag.attachNote(variable.getLoc()) << "the variable";
    return diag;
  }
  return success();
}

LogicalResult LoadOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyVariable(*this, getVariableAttr(), getResult().getType(),
                        tables);
}

LogicalResult StoreOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyVariable(*this, getVariableAttr(), getValue().getType(), tables);
}

#define GET_OP_CLASSES
#include "mixln/IR/MixlnOps.cpp.inc"
