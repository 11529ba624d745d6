#include "kernels/teacher/teacher.hpp"

#include <array>

#include "kernels/teacher/teacher_gpu.hpp"

namespace fedfuse::teacher {
namespace {

using gpu::Runs;
bool any(const Problem&) { return true; }
bool on_a_device(const Problem& p) { return serves(p.shape); }
constexpr std::array<Variant, 6> table{{
    {.name = "cpu",
     .what = "R4: one thread, register tiles; an item of a batch once",
     .run = run_cpu,
     .runs = Runs::everywhere,
     .serves = any},
    {.name = "reference",
     .what = "every pair through the whole network, double",
     .run = run_reference,
     .runs = Runs::everywhere,
     .serves = any},
    {.name = "cuda",
     .what = "R4: an epoch in one kernel, whose blocks wait for each other three times a step",
     .run = cuda,
     .runs = Runs::on_device,
     .serves = on_a_device},
    {.name = "cuda-steps",
     .what = "R4: four kernels a step, many steps in one CUDA graph",
     .run = cuda_steps,
     .runs = Runs::on_device,
     .serves = on_a_device},
    {.name = "emulated",
     .what = "cuda's source on the CPU: for proof",
     .run = emulated,
     .runs = Runs::for_proof,
     .serves = on_a_device},
    {.name = "emulated-steps",
     .what = "cuda-steps' source on the CPU: for proof",
     .run = emulated_steps,
     .runs = Runs::for_proof,
     .serves = on_a_device},
}};

}  // namespace

std::span<const Variant> variants() { return table; }

Parameters declare(const Shape& s, Offsets& at) {
  Parameters p;
  at.e = p.add("e", s.groups, s.d_group);
  at.A_g = p.add("A_g", s.d, s.d_group);
  at.a_g = p.add("a_g", 1, s.d);
  at.A_t = p.add("A_t", s.d, s.d_text);
  at.a_t = p.add("a_t", 1, s.d);
  at.A_v = p.add("A_v", s.d, s.d_image);
  at.a_v = p.add("a_v", 1, s.d);
  at.W1 = p.add("W1", 2 * s.d, 3 * s.d);
  at.b1 = p.add("b1", 1, 2 * s.d);
  at.W2 = p.add("W2", s.d, 2 * s.d);
  at.b2 = p.add("b2", 1, s.d);
  return p;
}

namespace {
double parameters(const Shape& s) {
  const double d = double(s.d);
  return double(s.groups) * double(s.d_group) + d * double(s.d_group + s.d_text + s.d_image) +
         8 * d * d + 6 * d;
}
}  // namespace

double Problem::batch_flops(double of_slots, double of_pairs) const {
  const double d = double(shape.d), width = double(shape.d_text + shape.d_image),
               G = double(groups);
  // forward a third of the mixing, half of the encoders: nothing goes back into features
  const double slot = 4 * d * width + 24 * d * d;
  const double pair = 12 * d * d;
  const double group = 6 * d * double(shape.d_group) + 12 * d * d;
  return of_slots * slot + of_pairs * pair + G * group;
}

double Problem::update_flops() const { return flops_a_number(adam) * parameters(shape); }

// The groups' part is the same in every batch.
double Problem::flops() const {
  const double all = double(count()), batches = double(steps_an_epoch());
  return batch_flops(all, all * double(batching.pairs_a_slot(groups))) +
         (batches - 1) * batch_flops(0, 0) + batches * update_flops();
}

double Problem::bytes() const {
  const double slot = 4.0 * double(shape.d_text + shape.d_image) + 4;
  const double pair = 4.0 * double(shape.d);
  const double update = 4.0 * (adam ? 6.0 : 2.0) * parameters(shape);
  return double(count()) * (slot + double(batching.pairs_a_slot(groups)) * pair) +
         double(steps_an_epoch()) * update;
}

double Problem::tolerance() const { return 2e-4 * double(steps_an_epoch()); }

}  // namespace fedfuse::teacher
