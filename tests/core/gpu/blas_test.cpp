// core/gpu/blas and gemm: cuBLAS is no part of the program; where it is absent, and where it fails,
// one sentence says so.
#include "core/gpu/blas.hpp"

#include <gtest/gtest.h>

#ifndef FEDFUSE_HAVE_CUBLAS

TEST(Blas, IsTested) {
  EXPECT_FALSE(fedfuse::gpu::why_no_blas().empty());
  GTEST_SKIP() << "built without the header of cuBLAS, in which its types stand";
}

#else
#include <dlfcn.h>

#include <array>

#include "core/error.hpp"
#include "core/gpu/gemm.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

std::string error_of_a_handle(const gpu::BlasCalls& calls) {
  try {
    const gpu::Blas blas(calls);
  } catch (const InputError& e) {
    return cat("input: ", e.what());
  } catch (const InternalError& e) {
    return cat("internal: ", e.what());
  }
  return "";
}

// Must come first: a test below loads it.
TEST(Blas, ThisProgramStartsWithoutIt) {
  for (const char* name : {"libcublas.so", "libcublasLt.so"})
    EXPECT_EQ(dlopen(cat(name, ".", CUBLAS_VER_MAJOR).c_str(), RTLD_LAZY | RTLD_NOLOAD), nullptr);
}

TEST(Blas, AMissingLibraryIsNamed) {
  const auto calls = gpu::load_blas("libthere_is_none.so.7");
  EXPECT_EQ(calls.refused, "libthere_is_none.so.7 cannot be loaded");
  const auto said = error_of_a_handle(calls);
  EXPECT_TRUE(said.starts_with("input: cuBLAS cannot be used")) << said;
  EXPECT_NE(said.find(calls.refused), std::string::npos) << said;
}

TEST(Blas, ALibraryThatLacksAFunctionIsNamed) {
  EXPECT_EQ(gpu::load_blas(FEDFUSE_BLAS_STUB).refused,
            cat(FEDFUSE_BLAS_STUB, " has no cublasGemmEx"));
}

struct Seen {
  int made = 0, destroyed = 0;
  cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
  std::array<int, 6> sizes{};
  const void *first = nullptr, *second = nullptr;
};
Seen& seen() {
  static Seen all;
  return all;
}
gpu::BlasCalls stand_ins() {
  seen() = {};
  gpu::BlasCalls calls;
  calls.create = [](cublasHandle_t* handle) {
    ++seen().made;
    *handle = reinterpret_cast<cublasHandle_t>(&seen());
    return CUBLAS_STATUS_SUCCESS;
  };
  calls.destroy = [](cublasHandle_t) {
    ++seen().destroyed;
    return CUBLAS_STATUS_SUCCESS;
  };
  calls.set_stream = [](cublasHandle_t, cudaStream_t) { return CUBLAS_STATUS_SUCCESS; };
  calls.product = [](cublasHandle_t, cublasOperation_t, cublasOperation_t, int m, int n, int k,
                     const void*, const void* a, cudaDataType, int lda, const void* b, cudaDataType,
                     int ldb, const void*, void*, cudaDataType, int ldc, cublasComputeType_t,
                     cublasGemmAlgo_t) {
    seen().sizes = {m, n, k, lda, ldb, ldc};
    seen().first = a;
    seen().second = b;
    return seen().status;
  };
  calls.text = [](cublasStatus_t) { return "a unit is broken"; };
  return calls;
}

// Its columns are our rows: the product that it sees has the factors changed over.
TEST(Blas, AProductIsGivenByColumns) {
  const auto calls = stand_ins();
  const auto device = gpu::open_emulated_device();
  const gpu::Stream stream(device);
  const std::array<float, 2> a{}, b{};
  gpu::BlasProduct product{.m = 2, .n = 3, .k = 5, .a = a.data(), .b = b.data()};
  product.a_stride = 7;
  product.b_stride = 11;
  product.c_stride = 13;
  {
    const gpu::Blas blas(calls);
    blas.multiply(product, stream);
    EXPECT_EQ(seen().sizes, (std::array{3, 2, 5, 11, 7, 13}));
    EXPECT_EQ(seen().first, b.data());
    EXPECT_EQ(seen().second, a.data());
    seen().status = CUBLAS_STATUS_EXECUTION_FAILED;
    EXPECT_THROW(blas.multiply(product, stream), InternalError);
  }
  EXPECT_EQ(seen().made, 1);
  EXPECT_EQ(seen().destroyed, 1);
}

TEST(Blas, WhatItSaysOfAFailureIsSaid) {
  auto calls = stand_ins();
  calls.create = [](cublasHandle_t*) { return CUBLAS_STATUS_ALLOC_FAILED; };
  EXPECT_EQ(error_of_a_handle(calls), "internal: cuBLAS: a handle: a unit is broken");
  EXPECT_EQ(seen().destroyed, 0);
}

TEST(Blas, TheEmulatedDeviceDoesWithout) {
  const auto device = gpu::open_emulated_device();
  const gpu::Stream stream(device);
  constexpr gpu::Half one = 0x3c00, two = 0x4000;
  const gpu::Half a[2] = {one, two}, b[2] = {two, two};
  float c = 0;
  gpu::Gemm(*device).multiply({1, 1, 2, a, b, 2, 2, 1}, &c, stream);
  stream.synchronise();
  EXPECT_EQ(c, 6);
}

// Its answer is that of a variant that needs it.
TEST(Blas, TheLibraryOfThisMachine) {
  const auto refused = gpu::load_blas().refused;
  EXPECT_EQ(gpu::why_no_blas(), refused);
  if (gpu::count_devices() > 0)
    EXPECT_EQ(gpu::why_not(gpu::Runs::on_device_with_blas), refused);
  else
    EXPECT_EQ(gpu::why_not(gpu::Runs::on_device_with_blas), gpu::why_none());
  if (!refused.empty()) GTEST_SKIP() << refused;
}

}  // namespace
}  // namespace fedfuse
#endif
