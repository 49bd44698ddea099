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
  Json config = {{"hidden_size", 32},        {"intermediate_size", 72},
                 {"num_attention_heads", 2}, {"num_hidden_layers", 4},
                 {"vocab_size", 96},         {"rms_norm_eps", 1e-6}};
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
  EXPECT_TRUE(
      failed(parseModelConfig(std::string(100000, '['), "c.json", error)));
  EXPECT_NE(error.find("nested deeper than 64 levels"), std::string::npos);
  EXPECT_TRUE(failed(parseModelConfig(std::string(2 << 20, ' '), "c", error)));
  EXPECT_TRUE(failed(loadModelConfig("/nowhere/config.json", error)));
  EXPECT_NE(error.find("/nowhere/config.json: no such file"), std::string::npos)
      << error;
  EXPECT_TRUE(failed(loadModelConfig("/", error)));
  EXPECT_NE(error.find("is a folder"), std::string::npos) << error;
}

TEST(BadConfig, Values) {
  const BadInput cases[] = {
      {R"json({"hidden_size": null})json", "c.json: hidden_size is missing"},
      {R"json({"hidden_size": 0})json",
       "hidden_size is 0, expected a positive integer"},
      {R"json({"hidden_size": -32})json",
       "hidden_size is -32, expected a positive"},
      {R"json({"hidden_size": 32.5})json",
       "hidden_size is 32.5, expected a positive"},
      {R"json({"hidden_size": "32"})json",
       "hidden_size is \"32\" (a string), expected"},
      {R"json({"hidden_size": 99999999999999999999})json", "hidden_size is"},
      {R"json({"hidden_size": 18446744073709551615})json", "expected at most"},
      {R"json({"num_hidden_layers": 1000000000})json",
       "num_hidden_layers is 1000000000,"
       " expected at most 1024"},
      {R"json({"hidden_size": 130, "num_attention_heads": 4})json",
       "hidden_size 130 is not a multiple of num_attention_heads 4"},
      {R"json({"hidden_size": 6, "num_attention_heads": 2})json",
       "odd head dimension 3"},
      {R"json({"num_key_value_heads": 3})json",
       "num_attention_heads 2 is not a multiple of num_key_value_heads 3"},
      {R"json({"vocab_size": null})json", "vocab_size is missing"},
      {R"json({"rms_norm_eps": -1})json", "rms_norm_eps is -1, expected"},
      {R"json({"rms_norm_eps": "small"})json", "rms_norm_eps is \"small\""},
      {R"json({"rope_theta": 0})json",
       "rope_theta is 0, expected a positive number"},
      {R"json({"initializer_range": true})json", "initializer_range is true"},
      {R"json({"hidden_act": "gelu"})json",
       "hidden_act is \"gelu\", only \"silu\""},
      {R"json({"tie_word_embeddings": true})json",
       "tie_word_embeddings is true"},
      {R"json({"attention_bias": true})json", "attention_bias is true"},
      {R"json({"rope_scaling": {"type": "linear"}})json", "rope_scaling is"},
      {R"json({"head_dim": 8})json", "head_dim is 8, only 16"},
      {R"json({"model_type": "lama"})json", "model_type is \"lama\""},
      {R"json({"attention_dropout": 0.1})json", "attention_dropout is 0.1"},
      {R"json({"norm_type": 3})json", "norm_type is 3, expected a string"},
      {R"json({"post_num": -1})json", "post_num is -1, expected an integer"},
      {R"json({"post_num": 5})json", "post_num is 5, expected at most "
                                     "num_hidden_layers 4"},
      {R"json({"post_num": "3"})json", "post_num is \"3\""},
      {R"json({"norm_spec": "x"})json", "norm_spec is \"x\""},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    EXPECT_TRUE(failed(parseModelConfig(configWith(bad.text), "c.json", error)))
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
      {"deepnorm@mixln_repo", "(did you mean 'deepnorm@mixln-repo'?)"},
      {"pre_post@mixln-repo:3", "nothing in this norm depends on K"},
      {"2xpre,2xpost@mixln-repo", "differ in streams, init, readout"},
      {"nowhere.json", "nowhere.json: no such file"},
      {"", "unknown norm kind"},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    NormRequest request;
    request.norm = bad.text;
    if (request.norm.empty())
      request.normKind = "rsm";
    EXPECT_TRUE(failed(resolveNorm(request, goodConfig(), error))) << bad.text;
    EXPECT_NE(error.find(bad.expected), std::string::npos)
        << bad.text << " gave: " << error;
  }
}

TEST(BadNorm, AConfigCannotNameAFile) {
  std::string error;
  auto config = parseModelConfig(
      configWith(R"json({"norm_type": "/etc/passwd"})json"), "c.json", error);
  ASSERT_TRUE(succeeded(config)) << error;
  EXPECT_TRUE(failed(resolveNorm({}, *config, error)));
  EXPECT_NE(error.find("unknown norm '/etc/passwd'"), std::string::npos)
      << error;
}

TEST(BadNorm, Files) {
  const BadInput cases[] = {
      {R"json({})json", "n.json: lacks \"layers\""},
      {R"json({"layers": []})json",
       "layers is [] (a list), expected a list of rules"},
      {R"json({"layer": []})json",
       "unknown key 'layer' (did you mean 'layers'?)"},
      {R"json({"layers": [{"attention": {}}]})json", "layers[0] lacks \"mlp\""},
      {R"json({"layers": [{"attention": {"inn": "norm"}, "mlp": {}}]})json",
       "layers[0].attention unknown key 'inn' (did you mean 'in'?)"},
      {R"json({"layers": [{"attention": {"in": "rsm"}, "mlp": {}}]})json",
       "layers[0].attention.in unknown norm kind 'rsm' (did you mean 'rms'?)"},
      {R"json({"layers": [{"attention": {"in": 3}, "mlp": {}}]})json",
       "layers[0].attention.in is 3, expected the name of a norm kind"},
      {R"json({"layers": [{"attention": {"combine": "x + gian*F"}, "mlp": {}}],
           "params": {"gain": {"scalar": 1}}})json",
       "n.json: layers[0].attention.combine.x: column 5: unknown name 'gian' "
       "(did you mean 'gain'?)"},
      {R"json({"layers": [{"attention": {"combine": {"y": "F"}}, "mlp": {}}]})json",
       "combine unknown key 'y'"},
      {R"json({"layers": [{"attention": {"combine": "x"}, "mlp": {}}]})json",
       "does not use F"},
      {R"json({"layers": [{"attention": {"combine": "x + F", "post": "norm"},
                       "mlp": {}}]})json",
       "layers[0].attention.post stands beside combine"},
      {R"json({"layers": [{"attention": {"c": "x"}, "mlp": {}}]})json",
       "attention.c: column 1: unknown name 'x'"},
      {R"json({"layers": [{"attention": {"a": {"scaler": 1}}, "mlp": {}}]})json",
       "unknown key 'scaler' (did you mean 'scalar'?)"},
      {R"json({"layers": [{"attention": {"b": {"schedule": "t"}}, "mlp": {}}]})json",
       "follow a schedule"},
      {R"json({"layers": [{"attention": {"b": "t/100"}, "mlp": {}}]})json",
       "depend on the step"},
      {R"json({"layers": [{"when": "i <", "attention": {}, "mlp": {}}]})json",
       "layers[0].when: column 4"},
      {R"json({"layers": [{"when": "i + 1", "attention": {}, "mlp": {}}]})json",
       "is a number, expected a condition"},
      {R"json({"layers": [{"when": "s == 0", "attention": {}, "mlp": {}}]})json",
       "unknown name 's'"},
      {R"json({"layers": [{"attention": {"inner": ["w"]}, "mlp": {}}]})json",
       "unknown key 'w'"},
      {R"json({"layers": [{"attention": {}, "mlp": {"head_scale": true}}]})json",
       "an MLP has no heads"},
      {R"json({"layers": [{"attention": {"init": {"qk": "1/0 +"}}, "mlp": {}}]})json",
       "init.qk: column 6"},
      {R"json({"flags": {"save_dir": "/"}, "layers": []})json",
       "flags unknown key 'save_dir', expected dtype, eval_mean, "
       "loss_normalization"},
      {R"json({"flags": {"dtype": "fp8"}, "layers": []})json",
       "flags.dtype is \"fp8\" (a string), expected one of fp32, bf16, "
       "bf16_pure"},
      {R"json({"differences": "all", "layers": []})json",
       "differences is \"all\" (a string), expected a list"},
      {R"json({"differences": ["a\nb"], "layers": []})json",
       "expected a line of text"},
      {R"json({"layers": [{"refused": "no", "mlp": {}}]})json",
       "expected the reason, in place of attention and mlp"},
      {R"json({"layers": [{"attention": {"select": ["a"]}, "mlp": {}}]})json",
       "is not supported"},
      {R"json({"streams": ["F"], "layers": []})json",
       "'F' has a meaning in formulas already"},
      {R"json({"streams": ["x", "x"], "layers": []})json", "names 'x' twice"},
      {R"json({"streams": [], "layers": []})json",
       "expected a list of one to 16"},
      {R"json({"kinds": {"a": {"y": "b(x)"}, "b": {"y": "a(x)"}}, "layers": []})json",
       "kinds.a.y: column 1: norm kind 'a' uses itself"},
      {R"json({"kinds": {"rms": {"y": "x"}}, "layers": []})json",
       "is built in"},
      {R"json({"kinds": {"a": {"params": {}}}, "layers": []})json",
       "lacks \"y\""},
      {R"json({"kinds": {"a": {"y": "x*i"}}, "layers": []})json",
       "unknown name 'i'"},
      {R"json({"params": {"a": {"scalar": "b"}, "b": {"scalar": "a"}},
           "layers": []})json",
       "params.a.scalar: column 1: the initial value of 'a' depends on itself"},
      {R"json({"params": {"a": {"scalar": 1, "row": 1}}, "layers": []})json",
       "either \"scalar\" or \"row\""},
      {R"json({"params": {"a": {"scalar": 1, "class": "gains"}}, "layers": []})json",
       "params.a.class is \"gains\""},
      {R"json({"params": {"a": {"scalar": 1, "lr_mult": -1}}, "layers": []})json",
       "params.a.lr_mult is -1"},
      {R"json({"params": {"a": {"scalar": 1, "per": "token"}}, "layers": []})json",
       "params.a.per is \"token\""},
      {R"json({"norm_kind": "norm", "layers": []})json",
       "norm_kind is \"norm\""},
      {R"json({"layers": [{"attention": {}, "mlp": {}}], "readout": "x + y"})json",
       "readout: column 5: unknown name 'y'"},
      {R"json({"layers": [{"attention": {}, "mlp": {}}], "init": {"x": "x"}})json",
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
      {R"json({"layers": [{"when": "i < 2", "attention": {}, "mlp": {}}]})json",
       "no rule of layers applies to layer 2 of 4"},
      {R"json({"layers": [{"attention": {"c": "1/(i - 1)"}, "mlp": {}}]})json",
       "has no finite value"},
      {R"json({"layers": [{"attention": {"read": "rms(x) + l2(x)"}, "mlp": {}}]})json",
       "has the kinds"},
      {R"json({"layers": [{"attention": {"read": "2*norm(x)", "in": "norm"},
                       "mlp": {}}]})json",
       "would both be the site 'in'"},
      {R"json({"params": {"g": {"scalar": "i", "per": "model"}},
           "layers": [{"attention": {"combine": "x + g*F"}, "mlp": {}}]})json",
       "unknown name 'i'"},
  };
  for (const BadInput &bad : cases) {
    std::string error;
    auto spec = parseNormFile(bad.text, "n.json", "", error);
    ASSERT_TRUE(succeeded(spec)) << error;
    mlir::MLIRContext context;
    EXPECT_TRUE(failed(importModel(&context, goodConfig(), *spec, 1, 4, error)))
        << bad.text;
    EXPECT_NE(error.find(bad.expected), std::string::npos)
        << bad.text << " gave: " << error;
  }
}
