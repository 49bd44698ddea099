//===- MixlnAttributes.td - Attributes of the dialect ------*- tablegen -*-===//

#ifndef MIXLN_IR_MIXLNATTRIBUTES
#define MIXLN_IR_MIXLNATTRIBUTES

include "mixln/IR/MixlnDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Mixln_Attr<string name, string attrMnemonic> : AttrDef<MixlnDialect, name> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

def Mixln_Role : I32EnumAttr<"Role", "who fills a variable and who reads it", [
    I32EnumAttrCase<"Parameter", 0, "parameter">,
    I32EnumAttrCase<"Gradient", 1, "gradient">,
    I32EnumAttrCase<"Moment", 2, "moment">,
    I32EnumAttrCase<"Input", 3, "input">,
    I32EnumAttrCase<"Scalar", 4, "scalar">,
    I32EnumAttrCase<"Output", 5, "output">,
    I32EnumAttrCase<"Constant", 6, "constant">,
    I32EnumAttrCase<"Packed", 7, "packed">,
    I32EnumAttrCase<"Cache", 8, "cache">]> {
  let cppNamespace = "::mixln";
  let genSpecializedAttr = 0;
}
def Mixln_RoleAttr : EnumAttr<MixlnDialect, Mixln_Role, "role">;

def Mixln_InitKind : I32EnumAttr<"InitKind", "how a variable starts", [
    I32EnumAttrCase<"Constant", 0, "constant">,
    I32EnumAttrCase<"Normal", 1, "normal">,
    I32EnumAttrCase<"RopeCos", 2, "rope_cos">,
    I32EnumAttrCase<"RopeSin", 3, "rope_sin">]> {
  let cppNamespace = "::mixln";
}

def Mixln_InitAttr : Mixln_Attr<"Init", "init"> {
  let summary = "initial values of a variable";
  let description = [{
    `constant v`: every element is v. `normal s`: normal with standard
    deviation s, each element a function of (seed, name, index) alone.
    `rope_cos theta`, `rope_sin theta`: [T, head_dim/2], the cosine and sine of
    t * theta^(-2j/head_dim).

    Example: `#mixln.init<normal 0.02>`
  }];
  let parameters = (ins "InitKind":$kind, "::mlir::FloatAttr":$number);
  let builders = [AttrBuilder<(ins "InitKind":$kind, "double":$value), [{
    return $_get($_ctxt, kind, ::mlir::FloatAttr::get(
        ::mlir::Float64Type::get($_ctxt), value));
  }]>];
  let extraClassDeclaration = [{
    double getValue() const { return getNumber().getValueAsDouble(); }
  }];
  let hasCustomAssemblyFormat = 1;
}

//===----------------------------------------------------------------------===//
// Placements
//===----------------------------------------------------------------------===//

def Mixln_SiteAttr : Mixln_Attr<"NormSite", "norm"> {
  let summary = "a norm at a site of a sub-layer";
  let description = [{
    `kind` is the symbol name of a `mixln.norm_kind` without its width; `name`
    the prefix of its parameters (empty: what the naming rule gives for the
    site); `init` overrides initial values of parameters, e.g.
    {weight = 0.5 : f64}.

    Example: `#mixln.norm<rms>`, `#mixln.norm<rms, "input_layernorm",
    {weight = 5.000000e-01 : f64}>`
  }];
  let parameters = (ins "::mlir::StringAttr":$kind, "::mlir::StringAttr":$name,
                        "::mlir::DictionaryAttr":$init);
  let hasCustomAssemblyFormat = 1;
}

def Mixln_CoefficientAttr : Mixln_Attr<"Coefficient", "coefficient"> {
  let summary = "a learned factor: [1] or one number a column";
  let description = [{
    `shape` is `scalar` or `row`; `name` the parameter's name inside its layer;
    `init` its initial value. With `abs` the factor is its absolute value.

    Example: `#mixln.coefficient<scalar, "mlp_residual_scale", 1.0e-03>`
  }];
  let parameters = (ins "bool":$isRow, "::mlir::StringAttr":$name,
                        "::mlir::FloatAttr":$number, "bool":$isAbs);
  let builders = [AttrBuilder<(ins "bool":$isRow, "::mlir::StringAttr":$name,
                                   "double":$init, "bool":$isAbs), [{
    return $_get($_ctxt, isRow, name, ::mlir::FloatAttr::get(
        ::mlir::Float64Type::get($_ctxt), init), isAbs);
  }]>];
  let extraClassDeclaration = [{
    double getInit() const { return getNumber().getValueAsDouble(); }
  }];
  let hasCustomAssemblyFormat = 1;
}

def Mixln_PlacementAttr : Mixln_Attr<"Placement", "placement"> {
  let summary = "where one residual sub-layer normalises";
  let description = [{
    One residual sub-layer with branch F computes

        x' = post( gp( a * skip + b * br( F_inner( c * in(read) ) ) ) )

    | key | value |
    |---|---|
    | `in`, `br`, `post` | `#mixln.norm` at the branch's input, on its output, after the residual |
    | `a`, `b` | factor of the skip, of the branch: f64 or `#mixln.coefficient`; `a = "1-b"` |
    | `c` | f64, after the input norm |
    | `gp` | "sum" or "skip": what z - silu(g) * stop_gradient(z) scales |
    | `read`, `skip` | what is read, added: a sum of streams, "block" (the block's input) and "e" (the embedding), e.g. "x+block" |
    | `x_norm` | `#mixln.norm` that replaces x before it is read and added |
    | `inner` | {q, k, v, ctx, ffn_mid = `#mixln.norm`} inside the branch |
    | `inner_per_head` | unit: the q, k and v norms span a head, not the row |
    | `head_scale` | unit: a learned gain per head on the attention's context |
    | `formulas` | `@placement`: its region `read` stands for the key `read`, its region `combine` for all keys that act after the branch |
    | `read_values`, `combine_values` | numbers that the regions of `formulas` take as trailing arguments |
    | `init_factor` | {qk, v, o, ffn_in, ffn_out = f64}: initial std of these weights in units of initializer_range |
    | `init_xavier` | likewise, in units of sqrt(2 / (rows + columns)) |

    A key that is absent has no effect (a, b, c = 1; read and skip are the
    first stream). The keys act on the first stream.

    Example: `#mixln.placement<in = #mixln.norm<rms>, c = 5.0e-01>`
  }];
  let parameters = (ins "::mlir::DictionaryAttr":$keys);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::mlir::Attribute get(::llvm::StringRef key) const { return getKeys().get(key); }
    template <typename T> T getAs(::llvm::StringRef key) const {
      return getKeys().getAs<T>(key);
    }
  }];
}

def Mixln_PackedAttr : Mixln_Attr<"Packed", "packed"> {
  let summary = "encoding of a tensor in a matmul kernel's panel layout";
  let description = [{
    The values are those of the plain tensor; only the layout in memory
    differs. `transposed` says that the matmul reads it with transpose_rhs.
    Panels of bf16 hold pairs along the product's inner dimension.

    Example: `tensor<16x32xf32, #mixln.packed<transposed>>`
  }];
  let parameters = (ins "bool":$transposed);
  let hasCustomAssemblyFormat = 1;
}

def Mixln_PairedAttr : Mixln_Attr<"Paired", "paired"> {
  let summary = "encoding of a bf16 matrix whose rows lie in pairs";
  let description = [{
    The values are those of the plain tensor [R, d]; in memory it is
    [ceil(R/2)][d][2], each element beside the one below it, zeros below the
    last row. A matmul with transpose_lhs reads its left side so, and may its
    right one.

    Example: `tensor<8x32xbf16, #mixln.paired>`
  }];
}

#endif // MIXLN_IR_MIXLNATTRIBUTES
