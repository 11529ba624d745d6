// core/gpu/architectures and cuda_errors: which devices the program can use, and what it says of
// the others.
#include "core/gpu/architectures.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/gpu/cuda_errors.hpp"

namespace fedfuse::gpu {
namespace {

TEST(Architectures, MachineCodeRunsOnItsGenerationAndDriversCompileForLaterOnes) {
  EXPECT_TRUE(has_code_for("80,90", 80));
  EXPECT_TRUE(has_code_for("80,90", 86));
  EXPECT_TRUE(has_code_for("80,90", 120));
  EXPECT_FALSE(has_code_for("80,90", 75));
  EXPECT_TRUE(has_code_for("90", 90));
  EXPECT_FALSE(has_code_for("90", 89));
  EXPECT_TRUE(has_code_for("86-real", 89));
  EXPECT_FALSE(has_code_for("86-real", 80));
  EXPECT_FALSE(has_code_for("90-real", 100));
  EXPECT_TRUE(has_code_for("80-real,90-virtual", 100));
  EXPECT_FALSE(has_code_for("80-real,90-virtual", 75));
  EXPECT_TRUE(has_code_for("90a", 90));
  EXPECT_FALSE(has_code_for("90a-real", 100));
  EXPECT_TRUE(has_code_for("100f", 103));
  EXPECT_FALSE(has_code_for("100f", 120));
}

TEST(Architectures, AWordOfCMakeIsTheBuildersCare) {
  for (const char* word : {"native", "all", "all-major"}) EXPECT_TRUE(has_code_for(word, 75));
}

#ifdef FEDFUSE_HAVE_CUDA
TEST(CudaErrors, OfTheMachineAreBadInputAndOthersOurs) {
  for (const auto code :
       {cudaErrorMemoryAllocation, cudaErrorNoKernelImageForDevice, cudaErrorUnsupportedPtxVersion,
        cudaErrorInsufficientDriver, cudaErrorDevicesUnavailable})
    try {
      check_cuda(code, "a call");
      ADD_FAILURE() << code;
    } catch (const InputError& e) {
      const std::string said = e.what();
      EXPECT_NE(said.find(cudaGetErrorString(code)), std::string::npos) << said;
      EXPECT_NE(said.find("a call"), std::string::npos) << said;
    }
  EXPECT_THROW(check_cuda(cudaErrorIllegalAddress, "a call"), InternalError);
  EXPECT_NO_THROW(check_cuda(cudaSuccess, "a call"));
}
#endif

}  // namespace
}  // namespace fedfuse::gpu
