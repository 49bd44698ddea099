//===- LibraryMatmulTest.cpp - Products by the library's table ------------===//

#include "device/LibraryMatmul.h"
#include "device/ThreadPool.h"
#include "support/BFloat16.h"
#include "support/Errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

using namespace mixln::rt;
using testing::HasSubstr;

namespace {

struct Product {
  Kernel kernel;
  Dispatch dispatch;
  std::vector<float> a, b, d, bias;

  Product(int64_t m, int64_t n, int64_t k, bool transposeA, bool transposeB)
      : m(m), n(n), k(k) {
    kernel.name = kernel.library = "matmul";
    kernel.matmul.transposeA = transposeA;
    kernel.matmul.transposeB = transposeB;
    // Rows a little longer than they need to be.
    lda = (transposeA ? m : k) + 4;
    ldb = (transposeB ? k : n) + 8;
    ldd = n + 12;
    dispatch.sizes = {m, n, k, lda, ldb, ldd};
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    a.resize((transposeA ? k : m) * lda);
    b.resize((transposeB ? n : k) * ldb);
    d.resize(m * ldd);
    bias.resize(n);
    for (std::vector<float> *numbers : {&a, &b, &d, &bias})
      for (float &number : *numbers)
        number = normal(random);
    int64_t offset = 0;
    for (std::vector<float> *numbers : {&a, &b, &d, &bias}) {
      auto bytes = static_cast<int64_t>(numbers->size()) * 4;
      dispatch.operands.push_back({offset, bytes, true, numbers == &d});
      offset += (bytes + 63) / 64 * 64;
    }
  }
  double want(int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t p = 0; p < k; ++p)
      sum +=
          double(kernel.matmul.transposeA ? a[p * lda + i] : a[i * lda + p]) *
          (kernel.matmul.transposeB ? b[j * ldb + p] : b[p * ldb + j]);
    return sum;
  }
  int64_t m, n, k, lda, ldb, ldd;
};

std::string failureOf(const Product &product) {
  try {
    describeMatmul(product.kernel, product.dispatch);
  } catch (const RunError &error) {
    return error.what();
  }
  return {};
}

} // namespace

TEST(LibraryMatmul, LayoutsOfAllTranspositions) {
  ThreadPool pool(2);
  for (bool transposeA : {false, true})
    for (bool transposeB : {false, true})
      for (bool accumulate : {false, true})
        for (bool bias : {false, true}) {
          Product product(5, 9, 13, transposeA, transposeB);
          product.kernel.matmul.accumulate = accumulate;
          product.kernel.matmul.epilogue = bias ? "bias" : "";
          LibraryCall call = describeMatmul(product.kernel, product.dispatch);
          std::vector<float> before = product.d;
          void *pointers[] = {product.a.data(), product.b.data(),
                              product.d.data(), product.bias.data()};
          multiplyByLoops(call, pointers, pool);
          for (int64_t i = 0; i < 5; ++i)
            for (int64_t j = 0; j < product.ldd; ++j) {
              int64_t at = i * product.ldd + j;
              if (j >= 9) {
                EXPECT_EQ(product.d[at], before[at]);
                continue;
              }
              double want = product.want(i, j) + (accumulate ? before[at] : 0) +
                            (bias ? product.bias[j] : 0);
              ASSERT_NEAR(product.d[at], want, 1e-5);
            }
        }
}

TEST(LibraryMatmul, AddsWhatLiesElsewhere) {
  ThreadPool pool(2);
  Product product(5, 9, 13, false, true);
  product.kernel.matmul.accumulate = true;
  product.kernel.matmul.epilogue = "bias";
  // D is written alone; behind it stands what is added, then the bias.
  std::vector<float> addend(product.d.size());
  for (size_t i = 0; i < addend.size(); ++i)
    addend[i] = static_cast<float>(i) / 8;
  std::vector<Operand> &operands = product.dispatch.operands;
  operands[2].reads = false;
  Operand added = operands[2];
  added.offset = operands[3].offset + 4096;
  added.reads = true;
  added.writes = false;
  operands.insert(operands.begin() + 3, added);
  LibraryCall call = describeMatmul(product.kernel, product.dispatch);
  std::vector<float> before = product.d;
  void *pointers[] = {product.a.data(), product.b.data(), product.d.data(),
                      addend.data(), product.bias.data()};
  multiplyByLoops(call, pointers, pool);
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t j = 0; j < product.ldd; ++j) {
      int64_t at = i * product.ldd + j;
      if (j >= 9)
        EXPECT_EQ(product.d[at], before[at]);
      else
        ASSERT_NEAR(product.d[at],
                    product.want(i, j) + addend[at] + product.bias[j], 1e-4);
    }

  operands[3].offset = operands[2].offset + 64;
  EXPECT_THAT(failureOf(product), HasSubstr("overlaps the result"));
  operands.pop_back();
  EXPECT_THAT(failureOf(product), HasSubstr("expected 6 and 5"));
}

TEST(LibraryMatmul, WhatTheLibraryDoesNotDo) {
  Product wide(4, 8, 8, false, true);
  wide.dispatch.operands[1].bytes -= 256;
  EXPECT_THAT(failureOf(wide), HasSubstr("operand 1: the product reads "));
  Product types(4, 8, 8, false, true);
  types.kernel.matmul.a = ElementType::BF16;
  EXPECT_THAT(failureOf(types),
              HasSubstr("does not multiply bf16 with f32 into f32"));
  Product epilogue(4, 8, 8, false, true);
  epilogue.kernel.matmul.epilogue = "swiglu";
  EXPECT_THAT(failureOf(epilogue), HasSubstr("has no epilogue swiglu"));
  Product narrow(4, 8, 8, false, true);
  narrow.dispatch.sizes[5] = 7;
  EXPECT_THAT(failureOf(narrow), HasSubstr("damaged program"));
}

TEST(LibraryMatmul, OddSizesOfBf16AreSlow) {
  for (int64_t leading : {16, 9}) {
    Product product(4, 8, 8, false, true);
    product.kernel.matmul.a = product.kernel.matmul.b = ElementType::BF16;
    product.dispatch.sizes = {4, 8, 8, 8, leading, 8};
    EXPECT_EQ(describeMatmul(product.kernel, product.dispatch).isSlow,
              leading == 9);
  }
}
