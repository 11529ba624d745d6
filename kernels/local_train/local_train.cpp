#include "kernels/local_train/local_train.hpp"

#include <array>
#include <cmath>

#include "kernels/local_train/local_train_gpu.hpp"
#include "kernels/local_train/variants.hpp"

namespace fedfuse::local_train {
namespace {
bool every_head(const HeadLayout&) { return true; }
bool heads_on_device(const HeadLayout& head) { return trains_on_device(head.kind); }

constexpr std::array<Variant, 3> table{{
    {.name = "cpu",
     .what = "batched small matrices in L1, 8-wide vectors",
     .run = train_cpu,
     .runs = gpu::Runs::everywhere,
     .serves = every_head},
    {.name = "cuda",
     .what = "one thread block a client, the round in shared memory",
     .run = train_cuda,
     .runs = gpu::Runs::on_device,
     .serves = heads_on_device},
    {.name = "emulated",
     .what = "the cuda variant's source, thread by thread on the CPU: for proof, not for speed",
     .run = train_emulated,
     .runs = gpu::Runs::for_proof,
     .serves = heads_on_device},
}};

}  // namespace

std::span<const Variant> variants() { return table; }

double untouched_share(const Rates& rates, std::int64_t steps) {
  return std::pow(1.0 - double(rates.lr_items) * double(rates.decay), double(steps));
}

void subtract_start(const Rates& rates, std::int64_t steps, const float* before, long floats,
                    float* rows) {
  const auto left = float(untouched_share(rates, steps));
  for (long k = 0; k < floats; ++k) rows[k] -= left * before[k];
}

double Problem::flops() const {
  const double d = shape.d, passes = 3;  // forward, gradient of weights, gradient of rows
  double macs = passes * head_multiply_adds(shape.head) * double(samples);
  if (shape.head.hidden_part) macs += passes * d * d * double(steps) / double(epochs);
  if (shape.views > 1)
    macs += passes * (shape.views * d * d + shape.views * d) * double(samples) +
            3 * shape.views * d * double(samples);
  if (shape.personal) macs += 4 * d * double(samples);
  return 2 * macs * double(epochs);
}

double Problem::bytes() const {
  const double row = 4.0 * shape.width,
               weights = 4.0 * (shape.head.theta + shape.head.user + shape.router.size);
  const double arrays = shape.views + (shape.personal ? 1 : 0);
  return 2 * weights + 2 * arrays * row * double(slots);
}

}  // namespace fedfuse::local_train
