//===- ModelOps.cpp - Models, variables, entries --------------------------===//

#include "mixln/IR/Mixln.h"

#include "InMemory.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"

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
  // As configs are bounded: no product of sizes overflows.
  constexpr int64_t width = 1 << 20, many = 1 << 24;
  for (auto [key, limit] :
       {std::pair("hidden_size", width), std::pair("intermediate_size", width),
        std::pair("num_attention_heads", width),
        std::pair("num_key_value_heads", width),
        std::pair("num_hidden_layers", kMaxLayers),
        std::pair("vocab_size", many), std::pair("batch_size", many),
        std::pair("seq_len", many)}) {
    auto value = getConfig().getAs<IntegerAttr>(key);
    if (!value || !value.getType().isInteger(64))
      return emitOpError() << "config lacks the integer " << key;
    if (value.getInt() <= 0)
      return emitOpError() << key << " is " << value.getInt()
                           << ", expected a positive number";
    if (value.getInt() > limit)
      return emitOpError() << key << " is " << value.getInt()
                           << ", expected at most " << limit;
  }
  int64_t rows = getInt("batch_size") * getInt("seq_len");
  if (rows > std::numeric_limits<int32_t>::max())
    return emitOpError() << "batch_size * seq_len is " << rows
                         << ", expected at most 2147483647";
  for (StringRef key :
       {"rms_norm_eps", "rope_theta", "initializer_range", "embedding_std"}) {
    auto number = getConfig().getAs<FloatAttr>(key);
    if (!number)
      return emitOpError() << "config lacks the number " << key;
    if (!number.getValue().isFinite())
      return emitOpError() << key << " is " << number
                           << ", expected a finite number";
  }
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
  if (getStreams().empty() || getStreams().size() > 16)
    return emitOpError() << "has " << getStreams().size()
                         << " streams, expected 1 to 16";
  return success();
}

//===----------------------------------------------------------------------===//
// NormKindOp and PlacementOp
//===----------------------------------------------------------------------===//

/// The width N of a row of type vector<Nxf32>, or failure.
static FailureOr<int64_t> rowWidth(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getRank() != 1 || vector.isScalable() ||
      !vector.getElementType().isF32())
    return failure();
  return vector.getDimSize(0);
}

LogicalResult NormKindOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getParams().size() + 1)
    return emitOpError() << "region has " << block.getNumArguments()
                         << " arguments, expected the row and "
                         << getParams().size() << " parameters";
  if (getInits().size() != getParams().size())
    return emitOpError() << "has " << getInits().size()
                         << " initial values for " << getParams().size()
                         << " parameters";
  for (auto [name, list] : {std::pair("classes", getClassesAttr()),
                            std::pair("decay", getDecayAttr()),
                            std::pair("lr_mult", getLrMultAttr())})
    if (list && list.size() != getParams().size())
      return emitOpError() << "has " << list.size() << " elements in " << name
                           << " for " << getParams().size() << " parameters";
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

LogicalResult PlacementOp::verifyRegions() {
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

ArrayRef<StringLiteral> mixln::getMeasureInputs(StringRef per) {
  static const StringLiteral layer[] = {"x", "y", "e", "dx"};
  static const StringLiteral subLayer[] = {"x", "y", "e", "h", "F", "dx"};
  static const StringLiteral attention[] = {"peak", "entropy"};
  static const StringLiteral parameter[] = {"w", "g", "u"};
  return StringSwitch<ArrayRef<StringLiteral>>(per)
      .Case("layer", layer)
      .Case("sub_layer", subLayer)
      .Case("attention", attention)
      .Case("parameter", parameter)
      .Default({});
}

ArrayRef<StringLiteral> mixln::getMeasureReductions() {
  static const StringLiteral all[] = {"mean", "rms",      "max",
                                      "min",  "root_sum", "angle"};
  return all;
}

LogicalResult MeasureOp::verify() {
  ArrayRef<StringLiteral> known = getMeasureInputs(getPer());
  if (known.empty())
    return emitOpError() << "per is \"" << getPer()
                         << "\", expected \"layer\", \"sub_layer\", "
                            "\"attention\" or \"parameter\"";
  if (!llvm::is_contained(getMeasureReductions(), getReduce()))
    return emitOpError() << "reduce is \"" << getReduce() << "\", expected "
                         << llvm::join(getMeasureReductions(), ", ");
  if (getBy() && !llvm::is_contained({"layer", "class", "parameter"}, *getBy()))
    return emitOpError() << "by is \"" << *getBy()
                         << "\", expected layer, class or parameter";
  Block &block = getBody().front();
  if (block.getNumArguments() != getInputs().size() || getInputs().empty())
    return emitOpError() << "region has " << block.getNumArguments()
                         << " arguments for " << getInputs().size()
                         << " inputs, expected one each";
  for (auto [argument, attr] : llvm::zip(block.getArguments(), getInputs())) {
    StringRef name = cast<StringAttr>(attr).getValue();
    if (!llvm::is_contained(known, name))
      return emitOpError() << "input '" << name << "' is not known per "
                           << getPer();
    if (failed(rowWidth(argument.getType())))
      return emitOpError() << "argument '" << name << "' has type "
                           << argument.getType() << ", expected vector<Nxf32>";
  }
  auto yield =
      dyn_cast_or_null<YieldOp>(block.empty() ? nullptr : &block.back());
  if (!yield || !llvm::is_contained({1, 2}, yield.getRows().size()) ||
      !yield.getSums().empty() || !llvm::all_of(yield.getRows(), [](Value row) {
        return row.getType().isF32();
      }))
    return emitOpError("must yield one f32, or two, and no sums");
  return success();
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

LogicalResult VariableOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (std::string expected = whyNotInMemory(type); !expected.empty())
    return emitOpError() << "has type " << type << ", expected " << expected;
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
