// The device variants of the table: from host memory and back, ranks finished from the counts.
#include "kernels/rank/rank_gpu.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "kernels/rank/counting.hpp"

namespace fedfuse::rank {
namespace {

bool contains(std::span<const std::int32_t> ids, std::int32_t id) { return std::ranges::binary_search(ids, id); }

// What the clients have, as the device takes it.
struct Gathered {
  std::vector<float> g, bias, weight, omega, own_rows;
  std::vector<std::int32_t> held, own_ids, dropped_ids;
  std::vector<std::int64_t> own_begin{0}, dropped_begin{0};

  Gathered(const Problem& problem, const GpuRank& r) : g(std::size_t(r.depth() * r.padded_clients()), 0.0f) {
    const auto& m = problem.model;
    for (std::size_t u = 0; u < problem.clients.size(); ++u) {
      const auto& c = problem.clients[u];
      const float* theta = m.theta != nullptr ? m.theta : c.theta;
      bias.push_back(theta[m.head.last_b]);
      weight.insert(weight.end(), theta + m.head.last_w, theta + m.head.last_w + r.d);
      for (int p = 0; p < r.planes; ++p) {
        omega.push_back(p == m.views ? c.base_scale : (m.views > 1 ? c.omega[p] : 1.0f));
        for (int k = 0; k < r.d; ++k) g[std::size_t((p * r.d + k) * r.padded_clients()) + u] = omega.back() * theta[m.head.last_w + k];
      }
      held.insert(held.end(), {c.valid, c.test});
      own_ids.insert(own_ids.end(), c.row_ids.begin(), c.row_ids.end());
      own_rows.insert(own_rows.end(), c.rows, c.rows + std::ptrdiff_t(c.row_ids.size()) * r.d);
      own_begin.push_back(std::int64_t(own_ids.size()));
      dropped_ids.insert(dropped_ids.end(), c.dropped.begin(), c.dropped.end());
      dropped_begin.push_back(std::int64_t(dropped_ids.size()));
    }
  }
};

// From the counts over all candidates, a held-out item met itself among them where it is one; as in rank_cpu.cpp.
Ranks finish(const Model& model, const Client& c, const std::int32_t* count, const float* score) {
  if (c.valid < 0 && c.test < 0) return {};
  const auto counted = [&](std::int32_t item) { return item >= 0 && !contains(c.dropped, item) && !contains(model.excluded, item); };
  Held valid{c.valid, score[0], count[0], count[1]}, test{c.test, score[1], count[2], count[3]};
  if (counted(c.valid)) valid.count(valid.score, -1);
  if (counted(c.test)) test.count(test.score, -1);
  const bool valid_counted = c.valid != c.test && counted(c.valid);
  if (valid_counted) test.count(valid.score, -1);  // dropped at test time
  std::int64_t candidates = model.items - std::int64_t(c.dropped.size());
  for (const auto id : model.excluded) candidates -= !contains(c.dropped, id);
  return {valid.rank(candidates - counted(c.valid)), test.rank(candidates - counted(c.test) - valid_counted)};
}

}  // namespace

bool serves_linear(const Problem& problem) {
  const auto& m = problem.model;
  return m.head.kind == HeadKind::linear && m.width == m.head.d && std::ranges::none_of(problem.clients, &Client::sampled);
}

OnDevice::OnDevice(const std::shared_ptr<gpu::Device>& device, const Problem& problem) {
  if (!serves_linear(problem))
    throw InputError("these ranks cannot be counted on a device", "the kernel takes linear heads over tables as wide as the head, all items",
                     "use --device cpu");
  const auto& m = problem.model;
  const gpu::Stream stream(device);
  GpuRank& r = rank_;
  r.clients = std::int64_t(problem.clients.size()), r.items = m.items, r.d = m.head.d;
  r.views = m.views, r.planes = m.views + (m.base != nullptr ? 1 : 0), r.rows_add = m.own_rows == OwnRows::add;
  const Gathered have(problem, r);
  const auto put = [&]<class T>(std::vector<gpu::Buffer<T>>& list, std::span<const T> values) {
    list.push_back(gpu::to_device(stream, values));
    return static_cast<const T*>(list.back().data());
  };
  const auto cells = std::size_t(m.items * m.width);
  for (int p = 0; p < r.planes; ++p) r.view[p] = put(floats_, std::span(p < m.views ? m.view[p] : m.base, cells));
  const auto floats = [&](const std::vector<float>& values) { return put(floats_, std::span<const float>(values)); };
  const auto ints = [&](std::span<const std::int32_t> values) { return put(ints_, values); };
  const auto offsets = [&](const std::vector<std::int64_t>& values) { return put(offsets_, std::span<const std::int64_t>(values)); };
  r.clients_k = floats(have.g), r.bias = floats(have.bias), r.weight = floats(have.weight), r.omega = floats(have.omega);
  r.own = {offsets(have.own_begin), ints(have.own_ids)}, r.dropped = {offsets(have.dropped_begin), ints(have.dropped_ids)};
  r.own_rows = floats(have.own_rows), r.held = ints(have.held);
  r.excluded = ints(m.excluded), r.excluded_count = std::int64_t(m.excluded.size());
  floats_.emplace_back(device, std::size_t(r.depth() * r.padded_items()));
  r.items_k = floats_.back().data();
  threshold_ = gpu::Buffer<float>(device, std::size_t(2 * r.clients)), count_ = gpu::Buffer<std::int32_t>(device, std::size_t(4 * r.clients));
  r.threshold = threshold_.data(), r.count = count_.data();
  // Two blocks fit a multiprocessor; a few rounds of blocks even out the last one.
  const std::int64_t wanted = 8 * std::int64_t(device->info().multiprocessors), rows = std::max<std::int64_t>(1, r.padded_clients() / block_clients);
  splits_ = int(std::clamp<std::int64_t>(wanted / rows, 1, std::max<std::int64_t>(1, r.padded_items() / block_items)));
}

void OnDevice::launch(const gpu::Stream& stream) {
  count_.fill_bytes(0, stream);
  gpu::on_platform(stream.device(), [&]<class P>(P) { count_ranks<P>(rank_, splits_, stream); });
}

void OnDevice::finish(const gpu::Stream& stream, const Problem& problem, std::span<Ranks> out) const {
  std::vector<std::int32_t> counts(count_.size());
  std::vector<float> scores(threshold_.size());
  count_.copy_out(counts, stream), threshold_.copy_out(scores, stream);
  stream.synchronise();
  for (std::size_t u = 0; u < out.size(); ++u) out[u] = rank::finish(problem.model, problem.clients[u], &counts[4 * u], &scores[2 * u]);
}

namespace {

void rank_on(const std::shared_ptr<gpu::Device>& device, const Problem& problem, std::span<Ranks> out) {
  if (problem.clients.empty() || problem.model.items == 0) return;
  const gpu::Stream stream(device);
  OnDevice ranks(device, problem);
  ranks.launch(stream);
  ranks.finish(stream, problem, out);
}

}  // namespace

void cuda(const Problem& problem, std::span<Ranks> out) { rank_on(gpu::open_cuda_device(0), problem, out); }
void emulated(const Problem& problem, std::span<Ranks> out) { rank_on(gpu::open_emulated_device(), problem, out); }

}  // namespace fedfuse::rank
