// How many blocks of a kernel a multiprocessor holds: registers as the compiler reported them,
// threads and shared memory as the host plans them, by NVIDIA's own rules (cuda_occupancy.h works
// without a device). kernels/README.md states what is held here.
#include <cuda_occupancy.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <regex>
#include <string>

#include "clients/local_round.hpp"
#include "kernels/local_train/local_train_gpu.hpp"
#include "kernels/preference/preference_case.hpp"
#include "kernels/preference/preference_gpu.hpp"
#include "kernels/sample/sample_gpu.hpp"
#include "kernels/teacher/gpu_encode.cuh"
#include "kernels/views/product.cuh"
#include "server/device/chunks.hpp"

namespace fedfuse {
namespace {

struct Chip {
  std::string name;
  int major, multiprocessors;
  // as the CUDA programming guide publishes them
  std::size_t shared_per_multiprocessor, shared_per_block;
};
const Chip chips[] = {{"sm_80", 8, 108, 164 << 10, 163 << 10},
                      {"sm_90", 9, 132, 228 << 10, 227 << 10}};

struct Kernel {
  int registers = 0;
  std::size_t static_shared = 0;
};

// Mangled name and architecture, as ptxas printed them during the build.
std::map<std::string, Kernel> reported(const std::string& architecture) {
  std::map<std::string, Kernel> kernels;
  const std::regex entry("Compiling entry function '(\\S+)' for '(\\S+)'"),
      used("Used (\\d+) registers(?:.* (\\d+) bytes smem)?");
  for (const auto& file : std::filesystem::recursive_directory_iterator(
           std::filesystem::path(FEDFUSE_PROGRAM).parent_path() / "CMakeFiles")) {
    if (file.path().extension() != ".ptxas") continue;
    std::ifstream in(file.path());
    std::string line, name;
    for (std::smatch m; std::getline(in, line);) {
      if (std::regex_search(line, m, entry)) name = m[2] == architecture ? m[1].str() : "";
      if (!name.empty() && std::regex_search(line, m, used))
        kernels[name] = {std::stoi(m[1]), m[2].matched ? std::size_t(std::stoul(m[2])) : 0};
    }
  }
  return kernels;
}

int blocks(const Chip& chip, const Kernel& kernel, int threads, std::size_t shared) {
  cudaOccDeviceProp device;
  device.computeMajor = chip.major;
  device.computeMinor = 0;
  device.numSms = chip.multiprocessors;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = 2048;
  device.warpSize = 32;
  device.regsPerBlock = device.regsPerMultiprocessor = 65536;
  device.sharedMemPerBlock = 48 << 10;
  device.sharedMemPerBlockOptin = chip.shared_per_block;
  device.sharedMemPerMultiprocessor = chip.shared_per_multiprocessor;
  device.reservedSharedMemPerBlock = 1 << 10;
  cudaOccFuncAttributes function;
  function.maxThreadsPerBlock = threads;
  function.numRegs = kernel.registers;
  function.sharedSizeBytes = kernel.static_shared;
  function.partitionedGCConfig = PARTITIONED_GC_OFF;
  function.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  function.maxDynamicSharedSizeBytes = shared;
  const cudaOccDeviceState state{};
  cudaOccResult result{};
  EXPECT_EQ(
      cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &function, &state, threads, shared),
      CUDA_OCC_SUCCESS);
  return result.activeBlocksPerMultiprocessor;
}

// A launch of the typical client: 85 samples, 5 epochs, d = 64; 512 + 512 features, 5 groups.
struct Launch {
  std::string what, kernel;  // kernel: pattern of its mangled name
  int threads;
  std::size_t shared;
  int least;  // blocks a multiprocessor, as the page states
};

const std::int64_t samples = bucket_bound(85);  // as the engine launches the typical client
constexpr int epochs = 5;

Launch training(const Chip& chip, HeadKind head, const char* fusion, const char* kernel,
                int least) {
  Config config;
  config.model.backbone = "fcf";
  config.model.head = head;
  config.model.fusion = fusion;
  const auto plan = local_train::gpu_plan(shape_of(resolve(config)), int(config.federation.batch),
                                          samples, chip.shared_per_block);
  if (plan.linear_rows > 0)
    return {"local_train linear, rows in registers", kernel, plan.threads, plan.shared_bytes,
            least};
  return {"local_train " + text_of(head) +
              (plan.all_in_shared() ? "" : ", batch in global memory") +
              (config.model.fusion == "fedvlr" ? ", 3 views" : ""),
          std::string(kernel) + (plan.all_in_shared() ? "ELb1ELi64E" : "ELb0ELi0E"), plan.threads,
          plan.shared_bytes, least};
}

Launch preferences(const Chip& chip) {
  gpu::DeviceInfo device;
  device.multiprocessors = chip.multiprocessors;
  device.shared_per_block = chip.shared_per_block;
  preference::Shape shape;
  shape.items = 1 << 14;
  shape.d = 64;
  shape.d_text = shape.d_image = 512;
  shape.groups = 5;
  preference::Case input(shape);
  const auto plan = preference::gpu_plan(input.problem(), device);
  return {std::string("preference fused, weights ") + (plan.resident ? "resident" : "streaming"),
          plan.resident ? "fused_kernelILi64ELb1E" : "fused_kernelILi64ELb0E", plan.threads,
          plan.shared_bytes, 1};
}

// An epoch in one kernel: its blocks wait for each other, so one must fit everywhere.
Launch teacher_epoch(const Chip& chip) {
  const bool staged = teacher::hidden_shared_bytes(64, true) <= chip.shared_per_block;
  return {std::string("teacher, an epoch, weights ") + (staged ? "in shared memory" : "in L2"),
          staged ? "7teacher.*epoch_kernelILi1ELb1E" : "7teacher.*epoch_kernelILi1ELb0E",
          teacher::block_threads,
          std::max(teacher::encode_bytes(2), teacher::hidden_shared_bytes(64, staged)), 1};
}

std::vector<Launch> launches(const Chip& chip) {
  const auto draw = sample::gpu_sample_plan(samples, epochs, chip.shared_per_block);
  const bool hopper = chip.major == 9;
  return {training(chip, HeadKind::linear, "none", "linear_rows_kernel.*Li64ELi128EEELb1", 4),
          training(chip, HeadKind::mlp, "none", "train_kernel.*MlpGpuELb0", hopper ? 2 : 1),
          training(chip, HeadKind::neumf, "none", "train_kernel.*NeumfGpuELb0", 1),
          training(chip, HeadKind::linear, "fedvlr", "train_kernel.*LinearGpuELb1", hopper ? 2 : 1),
          preferences(chip),
          teacher_epoch(chip),
          {"views, products by rows", "5views.*product_kernelILb1E", views::product_threads,
           views::product_shared<true>, 3},
          {"views, gradients of weights", "5views.*product_kernelILb0E", views::product_threads,
           views::product_shared<false>, 3},
          {"sample", "draw_kernel", int(draw.threads), draw.shared_bytes, 20}};
}

TEST(Occupancy, AsThePageStates) {
  for (const auto& chip : chips) {
    const auto kernels = reported(chip.name);
    ASSERT_FALSE(kernels.empty()) << "no report of the compiler for " << chip.name;
    for (const auto& launch : launches(chip)) {
      const std::regex pattern(launch.kernel);
      int found = 0;
      for (const auto& [name, kernel] : kernels) {
        if (!std::regex_search(name, pattern)) continue;
        ++found;
        const int held = blocks(chip, kernel, launch.threads, launch.shared);
        std::cout << chip.name << ": " << launch.what << ": " << held << " blocks of "
                  << launch.threads << " threads, " << kernel.registers << " registers, "
                  << launch.shared << " bytes\n";
        EXPECT_GE(held, launch.least) << chip.name << ": " << launch.what;
      }
      EXPECT_EQ(found, 1) << launch.kernel << " on " << chip.name;
    }
  }
}

}  // namespace
}  // namespace fedfuse
