#include "kernels/group_targets/group_targets.hpp"

namespace fedfuse::group_targets {
namespace {

using gpu::Runs;
constexpr std::array<Variant, 3> table{{
    {"cpu", "a vector of numbers of one group after the other, OpenMP over them", run_cpu,
     Runs::everywhere},
    {"cuda", "four numbers a thread, all groups of them: a view is read once", cuda,
     Runs::on_device},
    {"emulated", "cuda's source on the CPU: for proof", emulated, Runs::for_proof},
}};

}  // namespace

std::span<const Variant> variants() { return table; }

double Problem::flops() const {
  return double(groups) * double(cells()) * (1.0 + 2.0 * double(views));
}

double Problem::bytes() const {
  return double(cells()) * (4.0 * double(views) + 12.0 * double(groups));
}

}  // namespace fedfuse::group_targets
