#include "server/full_batch.hpp"

#include <algorithm>
#include <limits>

#include "core/rows.hpp"
#include "kernels/teacher/teacher_net.hpp"
#include "kernels/views/exact_sum.hpp"

namespace fedfuse::teacher {
namespace {

using views::ExactSum;

// Gradient and loss of some blocks. A block counts by its items.
struct Part {
  ExactSum gradient, loss{1};
  bool fits = true;
  explicit Part(std::size_t parameters) : gradient(parameters) {}

  void add(Net& net, std::int64_t first, std::int64_t count, std::int64_t groups) {
    std::vector<Pair> pairs;
    for (auto i = first; i < first + count; ++i)
      for (std::int64_t l = 0; l < groups; ++l) pairs.push_back({std::int32_t(l), std::int32_t(i)});
    const double mean = net.backward(pairs);
    const auto share = float(count) / float(full_batch_items);
    const double of_loss = mean * double(share);
    fits = loss.add(std::span(&of_loss, 1)) && fits;
    if (share == 1.0f) {
      fits = gradient.add(net.gradient()) && fits;
      return;
    }
    Array<float> weighted(net.gradient().begin(), net.gradient().end());
    for (auto& x : weighted) x *= share;
    fits = gradient.add(weighted) && fits;
  }
  void merge(const Part& other) {
    gradient.merge(other.gradient);
    loss.merge(other.loss);
    fits = fits && other.fits;
  }
};

}  // namespace

FullGradient full_gradient(const Problem& own, std::int64_t items, const Comm& comm, bool stop) {
  static_assert(RowSplit::usual_block % full_batch_items == 0);
  const auto rows = own.shape.items;
  Offsets at;
  const auto parameters = declare(own.shape, at).values.size();
  Part whole(parameters);
  double flops = 0;
#pragma omp parallel reduction(+ : flops)
  {
    Net net;
    net.bind(own);
    Part part(parameters);
#pragma omp for schedule(dynamic)
    for (std::int64_t first = 0; first < rows; first += full_batch_items) {
      const auto count = std::min(full_batch_items, rows - first);
      part.add(net, first, count, own.groups);
      flops += own.batch_flops(double(count), double(count * own.groups));
    }
#pragma omp critical
    whole.merge(part);
  }
  whole.gradient.reduce(comm);
  whole.loss.reduce(comm);
  const auto worst = comm.max(std::int64_t(stop ? 2 : 0) + (whole.fits ? 0 : 1));
  FullGradient result{.values = Array<float>(parameters), .stopped = worst >= 2};
  result.flops = flops;
  const double factor = double(full_batch_items) / double(items);
  whole.gradient.decode(std::span(result.values), factor);
  whole.loss.decode(std::span(&result.loss, 1), factor);
  if (worst % 2 == 1) result.loss = std::numeric_limits<double>::quiet_NaN();
  return result;
}

}  // namespace fedfuse::teacher
