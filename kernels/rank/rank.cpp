#include "kernels/rank/rank.hpp"

#include <array>

#include "kernels/rank/rank_gpu.hpp"

namespace fedfuse::rank {
namespace {

bool any(const Problem&) { return true; }

}  // namespace

double Problem::flops() const {
  const auto& head = model.head;
  const double d = head.d, planes = model.views + (model.base != nullptr ? 1 : 0),
               items = double(model.items);
  const bool linear = head.linear_part, hidden = head.hidden_part, shared = model.theta != nullptr;
  const double tower = head_tower_flops(head);
  // one plane: its sum with the client's half is a maximum and a constant (rank_gpu.hpp)
  const double mixing = planes > 1 ? 2 * planes * d : 0;
  const double prior = 2.0 * model.prior_groups;
  const double first_layer = mixing + (shared ? 0 : 2 * d * d);
  const double an_item = prior + (linear ? 2 * planes * d : 0) + (hidden ? first_layer : 0) + tower;
  const double an_own_row = prior + 2 * model.views * model.width + (linear ? 2 * d : 0) +
                            (hidden ? 2 * d * d : 0) + tower;
  double sum = hidden && shared ? planes * items * 2 * d * d : 0;
  for (const auto& client : clients) {
    const double ranked = client.sampled ? double(client.candidates.size()) : items;
    sum += ranked * an_item + double(client.row_ids.size()) * an_own_row + (hidden ? 2 * d * d : 0);
  }
  return sum;
}

double Problem::bytes() const {
  const double planes = model.views + (model.base != nullptr ? 1 : 0);
  double sum = 4.0 * double(model.items) * (planes * model.width + model.prior_groups);
  for (const auto& client : clients) {
    const double parameters = (model.theta == nullptr ? model.head.theta : 0) + model.head.user +
                              (model.views > 1 ? model.views : 0) + model.prior_groups;
    sum += 4.0 * (parameters + double(client.row_ids.size()) * (model.width + 1) +
                  double(client.dropped.size()) + 4);
  }
  return sum;
}

std::span<const Variant> variants() {
  using gpu::Runs;
  static constexpr std::array<Variant, 5> table{{
      {.name = "cpu-tiles",
       .what = "tiles of 64 items, blocks of clients, counted as they come (R2, R5)",
       .run = cpu_tiles,
       .runs = Runs::everywhere,
       .serves = any},
      {.name = "cpu-sorted",
       .what = "the same scores, but a whole row a client, sorted",
       .run = cpu_sorted,
       .runs = Runs::everywhere,
       .serves = any},
      {.name = "reference",
       .what = "every score naively in double",
       .run = reference,
       .runs = Runs::everywhere,
       .serves = any},
      {.name = "cuda",
       .what = "tiles of 128 x 128 scores in registers, counted there, lists corrected after",
       .run = cuda,
       .runs = Runs::on_device,
       .serves = served_on_device},
      {.name = "emulated",
       .what = "cuda's source on the CPU: for proof",
       .run = emulated,
       .runs = Runs::for_proof,
       .serves = served_on_device},
  }};
  return table;
}

}  // namespace fedfuse::rank
