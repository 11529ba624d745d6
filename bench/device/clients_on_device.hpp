#pragma once
// Equal clients on a device, as a round has them: 17 positives, 85 samples, 5 epochs (the typical
// client of the papers' data).
#include <cstdint>
#include <memory>
#include <string>

#include "core/config.hpp"
#include "core/gpu/device.hpp"
#include "kernels/local_train/local_train_gpu.hpp"
#include "kernels/sample/sample_gpu.hpp"
#include "model/spec.hpp"

namespace fedfuse::bench {

class ClientsOnDevice {
 public:
  // config: head, fusion, dim and the federation's options. The samples are drawn once, before the
  // constructor returns.
  ClientsOnDevice(const std::shared_ptr<gpu::Device>& device, const Config& config,
                  std::int64_t clients, std::int64_t items, int positives = 17);
  void draw(const gpu::Stream& stream) const;
  void train(const gpu::Stream& stream) const;
  [[nodiscard]] double train_flops() const { return flops_; }
  [[nodiscard]] double train_bytes() const { return bytes_; }
  [[nodiscard]] double draw_bytes() const;

 private:
  void place(const Config& config, std::int64_t items, int positives);
  void count_work(const Config& config);
  std::shared_ptr<gpu::Device> device_;
  ModelSpec spec_;
  local_train::Shape shape_;
  local_train::Rates rates_;
  local_train::GpuPlan plan_;
  sample::GpuSamplePlan sample_plan_;
  sample::GpuSampling sampling_;
  local_train::GpuClients clients_;
  std::int64_t count_, samples_;
  double flops_ = 0, bytes_ = 0;
  std::vector<gpu::Buffer<std::int32_t>> ints_;
  std::vector<gpu::Buffer<std::int64_t>> longs_;
  std::vector<gpu::Buffer<float>> floats_;
  std::vector<gpu::Buffer<double>> doubles_;
};

}  // namespace fedfuse::bench
