#include "kernels/local_train/local_train.hpp"

#include <array>

#include "kernels/local_train/local_train_gpu.hpp"
#include "kernels/local_train/variants.hpp"

namespace fedfuse::local_train {
namespace {
constexpr std::array<Variant, 3> table{{
    {"cpu", "batched small matrices in L1, 8-wide vectors", train_cpu, gpu::Runs::everywhere},
    {"cuda", "one thread block a client, the round in shared memory", train_cuda,
     gpu::Runs::on_device},
    {"emulated", "the cuda variant's source, thread by thread on the CPU: for proof, not for speed",
     train_emulated, gpu::Runs::for_proof},
}};

// Multiply-adds of one sample in one forward pass of the head (the item half: R2).
double head_macs(const HeadLayout& h) {
  const double d = h.d;
  switch (h.kind) {
    case HeadKind::linear:
      return d;
    case HeadKind::mlp:
      return d * d + d;
    case HeadKind::neumf:
      return d * d + d * d / 2 + d * d / 8 + d / 4 + 2 * d;
  }
  return 0;
}
}  // namespace

std::span<const Variant> variants() { return table; }

double Problem::flops() const {
  const double d = shape.d, passes = 3;  // forward, gradient of weights, gradient of rows
  double macs = passes * head_macs(shape.head) * double(samples);
  if (shape.head.user > 0) macs += passes * d * d * double(steps) / double(epochs);
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
