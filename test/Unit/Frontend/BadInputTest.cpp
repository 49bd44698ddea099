//===- BadInputTest.cpp - Configs and norm files that must be refused -----===//
//
// Each case says what is wrong and which words the message must have: the file,
// the key, what was found and what was expected.
//
//===----------------------------------------------------------------------===//

#include "mixln/Frontend/Import.h"
#include "mixln/Frontend/Json.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace mixln;
using llvm::StringRef;
using mlir::FailureOr;

namespace {
struct BadInput {
  const char *text;
  const char *expected;
};

/// A config that is fine, with `change` merged into it.
std::string configWith(const char *change) {
  Json config = {{"hidden_size", 32},         {"intermediate_size", 72},
                 {"num_attention_heads", 2},  {"num_hidden_layers", 4},
                 {"vocab_size", 96},          {"rms_norm_eps", 1e-6}};
  config.merge_patch(Json::parse(change));
  return config.dump();
}

ModelConfig goodConfig() {
  std::string error;
  return *parseModelConfig(configWith("{}"), "config.json", error);
}
} // namespace

TEST(BadConfig, TextsThatAreNotConfigs) {
  const BadInput cases[] = {
      {"", "c.json: is empty"},
      {"[]", "c.json: is [] (a list), expected a JSON object"},
      {"{\"a\": 1,\n  b}", "c.json: line 2, column 3: is not JSON"},
      {"{\"a\": 1", "is not JSON"},
      {"{\"a\": nan}", "is not JSON"},
      {"\xff\xfe", "is not JSON"},
      {"{\"hidden_size\": \"\xff\"}", "is not JSON"},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    EXPECT_TRUE(failed(parseModelConfig(bad.text, "c.json", error)));
    EXPECT_NE(error.find(bad.expected), std::string::npos) << error;
  }
  std::string error;
  EXPECT_TRUE(failed(parseModelConfig(std::string(100000, '['), "c.json", error)));
  EXPECT_NE(error.find("nested deeper than 64 levels"), std::string::npos);
  EXPECT_TRUE(failed(parseModelConfig(std::string(2 << 20, ' '), "c", error)));
  EXPECT_TRUE(failed(loadModelConfig("/nowhere/config.json", error)));
  EXPECT_NE(error.find("/nowhere/config.json: no such file"),
            std::string::npos)
      << error;
  EXPECT_TRUE(failed(loadModelConfig("/", error)));
  EXPECT_NE(error.find("is a folder"), std::string::npos) << error;
}

TEST(BadConfig, Values) {
  const BadInput cases[] = {
      {R"({"hidden_size": null})", "c.json: hidden_size is missing"},
      {R"({"hidden_size": 0})", "hidden_size is 0, expected a positive integer"},
      {R"({"hidden_size": -32})", "hidden_size is -32, expected a positive"},
      {R"({"hidden_size": 32.5})", "hidden_size is 32.5, expected a positive"},
      {R"({"hidden_size": "32"})", "hidden_size is \"32\" (a string), expected"},
      {R"({"hidden_size": 99999999999999999999})", "hidden_size is"},
      {R"({"hidden_size": 18446744073709551615})", "expected at most"},
      {R"({"num_hidden_layers": 1000000000})", "num_hidden_layers is 1000000000,"
                                               " expected at most 10000"},
      {R"({"hidden_size": 130, "num_attention_heads": 4})",
       "hidden_size 130 is not a multiple of num_attention_heads 4"},
      {R"({"hidden_size": 6, "num_attention_heads": 2})",
       "odd head dimension 3"},
      {R"({"num_key_value_heads": 3})",
       "num_attention_heads 2 is not a multiple of num_key_value_heads 3"},
      {R"({"vocab_size": null})", "vocab_size is missing"},
      {R"({"rms_norm_eps": -1})", "rms_norm_eps is -1, expected"},
      {R"({"rms_norm_eps": "small"})", "rms_norm_eps is \"small\""},
      {R"({"rope_theta": 0})", "rope_theta is 0, expected a positive number"},
      {R"({"initializer_range": true})", "initializer_range is true"},
      {R"({"hidden_act": "gelu"})", "hidden_act is \"gelu\", only \"silu\""},
      {R"({"tie_word_embeddings": true})", "tie_word_embeddings is true"},
      {R"({"attention_bias": true})", "attention_bias is true"},
      {R"({"rope_scaling": {"type": "linear"}})", "rope_scaling is"},
      {R"({"head_dim": 8})", "head_dim is 8, only 16"},
      {R"({"model_type": "lama"})", "model_type is \"lama\""},
      {R"({"attention_dropout": 0.1})", "attention_dropout is 0.1"},
      {R"({"norm_type": 3})", "norm_type is 3, expected a string"},
      {R"({"post_num": -1})", "post_num is -1, expected an integer"},
      {R"({"post_num": 5})", "post_num is 5, expected at most "
                             "num_hidden_layers 4"},
      {R"({"post_num": "3"})", "post_num is \"3\""},
      {R"({"norm_spec": "x"})", "norm_spec is \"x\""},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    EXPECT_TRUE(
        failed(parseModelConfig(configWith(bad.text), "c.json", error)))
        << bad.text;
    EXPECT_EQ(error.rfind("c.json: ", 0), 0u) << error;
    EXPECT_NE(error.find(bad.expected), std::string::npos)
        << bad.text << " gave: " << error;
  }
}

TEST(BadNorm, Requests) {
  const BadInput cases[] = {
      {"pots", "unknown norm 'pots' (did you mean 'post'?)"},
      {"post_pre", "K, the number of leading layers, is missing"},
      {"post_pre:5", "K is 5, expected at most num_hidden_layers 4"},
      {"post_pre:-1", "K is '-1', expected a number of layers"},
      {"post_pre:x", "K is 'x'"},
      {"post_pre:120%", "K is '120%', expected a share"},
      {"pre:3", "nothing in this norm depends on K"},
      {"3xpre", "the units cover 3 layers, expected num_hidden_layers 4"},
      {"2xpre,2xpots", "unknown preset 'pots' (did you mean 'post'?)"},
      {"2xpre,2xpost_pre", "preset 'post_pre' depends on K"},
      {"2xpre,2xperi", "differ in streams, init, readout"},
      {"0xpre,4xpre", "0 layers of a unit"},
      {"mono", "is not supported"},
      {"nowhere.json", "nowhere.json: no such file"},
      {"", "unknown norm kind"},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    NormRequest request;
    request.norm = bad.text;
    if (request.norm.empty())
      request.normKind = "rsm";
    EXPECT_TRUE(failed(resolveNorm(request, goodConfig(), error)))
        << bad.text;
    EXPECT_NE(error.find(bad.expected), std::string::npos)
        << bad.text << " gave: " << error;
  }
}

TEST(BadNorm, AConfigCannotNameAFile) {
  std::string error;
  auto config =
      parseModelConfig(configWith(R"({"norm_type": "/etc/passwd"})"), "c.json",
                       error);
  ASSERT_TRUE(succeeded(config)) << error;
  EXPECT_TRUE(failed(resolveNorm({}, *config, error)));
  EXPECT_NE(error.find("unknown norm '/etc/passwd'"), std::string::npos)
      << error;
}

TEST(BadNorm, Files) {
  const BadInput cases[] = {
      {R"({})", "n.json: lacks \"layers\""},
      {R"({"layers": []})", "layers is [] (a list), expected a list of rules"},
      {R"({"layer": []})", "unknown key 'layer' (did you mean 'layers'?)"},
      {R"({"layers": [{"attention": {}}]})", "layers[0] lacks \"mlp\""},
      {R"({"layers": [{"attention": {"inn": "norm"}, "mlp": {}}]})",
       "layers[0].attention unknown key 'inn' (did you mean 'in'?)"},
      {R"({"layers": [{"attention": {"in": "rsm"}, "mlp": {}}]})",
       "layers[0].attention.in unknown norm kind 'rsm' (did you mean 'rms'?)"},
      {R"({"layers": [{"attention": {"in": 3}, "mlp": {}}]})",
       "layers[0].attention.in is 3, expected the name of a norm kind"},
      {R"({"layers": [{"attention": {"combine": "x + gian*F"}, "mlp": {}}],
           "params": {"gain": {"scalar": 1}}})",
       "n.json: layers[0].attention.combine.x: column 5: unknown name 'gian' "
       "(did you mean 'gain'?)"},
      {R"({"layers": [{"attention": {"combine": {"y": "F"}}, "mlp": {}}]})",
       "combine unknown key 'y'"},
      {R"({"layers": [{"attention": {"combine": "x"}, "mlp": {}}]})",
       "does not use F"},
      {R"({"layers": [{"attention": {"combine": "x + F", "post": "norm"},
                       "mlp": {}}]})",
       "layers[0].attention.post stands beside combine"},
      {R"({"layers": [{"attention": {"c": "x"}, "mlp": {}}]})",
       "attention.c: column 1: unknown name 'x'"},
      {R"({"layers": [{"attention": {"a": {"scaler": 1}}, "mlp": {}}]})",
       "unknown key 'scaler' (did you mean 'scalar'?)"},
      {R"({"layers": [{"attention": {"b": {"schedule": "t"}}, "mlp": {}}]})",
       "follow a schedule"},
      {R"({"layers": [{"attention": {"b": "t/100"}, "mlp": {}}]})",
       "depend on the step"},
      {R"({"layers": [{"when": "i <", "attention": {}, "mlp": {}}]})",
       "layers[0].when: column 4"},
      {R"({"layers": [{"when": "i + 1", "attention": {}, "mlp": {}}]})",
       "is a number, expected a condition"},
      {R"({"layers": [{"when": "s == 0", "attention": {}, "mlp": {}}]})",
       "unknown name 's'"},
      {R"({"layers": [{"attention": {"inner": ["w"]}, "mlp": {}}]})",
       "unknown key 'w'"},
      {R"({"layers": [{"attention": {}, "mlp": {"head_scale": true}}]})",
       "an MLP has no heads"},
      {R"({"layers": [{"attention": {"init": {"qk": "1/0 +"}}, "mlp": {}}]})",
       "init.qk: column 6"},
      {R"({"streams": ["F"], "layers": []})",
       "'F' has a meaning in formulas already"},
      {R"({"streams": ["x", "x"], "layers": []})", "names 'x' twice"},
      {R"({"streams": [], "layers": []})", "expected a list of one to 16"},
      {R"({"kinds": {"a": {"y": "b(x)"}, "b": {"y": "a(x)"}}, "layers": []})",
       "kinds.a.y: column 1: norm kind 'a' uses itself"},
      {R"({"kinds": {"rms": {"y": "x"}}, "layers": []})", "is built in"},
      {R"({"kinds": {"a": {"params": {}}}, "layers": []})", "lacks \"y\""},
      {R"({"kinds": {"a": {"y": "x*i"}}, "layers": []})", "unknown name 'i'"},
      {R"({"params": {"a": {"scalar": "b"}, "b": {"scalar": "a"}},
           "layers": []})",
       "params.a.scalar: column 1: the initial value of 'a' depends on itself"},
      {R"({"params": {"a": {"scalar": 1, "row": 1}}, "layers": []})",
       "either \"scalar\" or \"row\""},
      {R"({"params": {"a": {"scalar": 1, "class": "gains"}}, "layers": []})",
       "params.a.class is \"gains\""},
      {R"({"params": {"a": {"scalar": 1, "lr_mult": -1}}, "layers": []})",
       "params.a.lr_mult is -1"},
      {R"({"params": {"a": {"scalar": 1, "per": "token"}}, "layers": []})",
       "params.a.per is \"token\""},
      {R"({"norm_kind": "norm", "layers": []})", "norm_kind is \"norm\""},
      {R"({"layers": [{"attention": {}, "mlp": {}}], "readout": "x + y"})",
       "readout: column 5: unknown name 'y'"},
      {R"({"layers": [{"attention": {}, "mlp": {}}], "init": {"x": "x"}})",
       "init.x: column 1: unknown name 'x'"},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    EXPECT_TRUE(failed(parseNormFile(bad.text, "n.json", "", error)))
        << bad.text;
    EXPECT_EQ(error.rfind("n.json: ", 0), 0u) << error;
    EXPECT_NE(error.find(bad.expected), std::string::npos)
        << bad.text << " gave: " << error;
  }
}

TEST(BadNorm, FoundWhileImporting) {
  const BadInput cases[] = {
      {R"({"layers": [{"when": "i < 2", "attention": {}, "mlp": {}}]})",
       "no rule of layers applies to layer 2 of 4"},
      {R"({"layers": [{"attention": {"c": "1/(i - 1)"}, "mlp": {}}]})",
       "has no finite value"},
      {R"({"layers": [{"attention": {"read": "rms(x) + l2(x)"}, "mlp": {}}]})",
       "has the kinds"},
      {R"({"layers": [{"attention": {"read": "2*norm(x)", "in": "norm"},
                       "mlp": {}}]})",
       "would both be the site 'in'"},
      {R"({"params": {"g": {"scalar": "i", "per": "model"}},
           "layers": [{"attention": {"combine": "x + g*F"}, "mlp": {}}]})",
       "unknown name 'i'"},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    auto spec = parseNormFile(bad.text, "n.json", "", error);
    ASSERT_TRUE(succeeded(spec)) << error;
    mlir::MLIRContext context;
    EXPECT_TRUE(
        failed(importModel(&context, goodConfig(), *spec, 1, 4, error)))
        << bad.text;
    EXPECT_NE(error.find(bad.expected), std::string::npos)
        << bad.text << " gave: " << error;
  }
}
