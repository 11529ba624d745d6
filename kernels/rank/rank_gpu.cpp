// The device's host side: what goes there, in which order, and ranks finished from the counts.
#include "kernels/rank/rank_gpu.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.hpp"
#include "kernels/rank/counting.hpp"

namespace fedfuse::rank {
namespace {

bool contains(std::span<const std::int32_t> ids, std::int32_t id) {
  return std::ranges::binary_search(ids, id);
}

// One list a client, end to end.
struct Lists {
  std::vector<std::int64_t> begin{0};
  std::vector<std::int32_t> ids;
  Lists(std::span<const Client> clients, std::span<const std::int32_t> Client::* list) {
    for (const auto& c : clients) {
      ids.insert(ids.end(), (c.*list).begin(), (c.*list).end());
      begin.push_back(std::int64_t(ids.size()));
    }
  }
};

// `width` numbers of each client, end to end.
std::vector<float> rows_of(std::span<const Client> clients, std::int64_t width,
                           const float* Client::* row) {
  std::vector<float> all(clients.size() * std::size_t(width));
#pragma omp parallel for schedule(static)
  for (std::size_t u = 0; u < clients.size(); ++u)
    std::copy_n(clients[u].*row, width, all.data() + std::int64_t(u) * width);
  return all;
}

std::vector<float> own_rows_of(std::span<const Client> clients,
                               const std::vector<std::int64_t>& begin, std::int64_t width) {
  std::vector<float> all(std::size_t(begin.back() * width));
#pragma omp parallel for schedule(dynamic, 64)
  for (std::size_t u = 0; u < clients.size(); ++u)
    std::copy_n(clients[u].rows, (begin[u + 1] - begin[u]) * width, all.data() + begin[u] * width);
  return all;
}

// The planes' weights: views, then the base.
std::vector<float> omega_of(std::span<const Client> clients, int views, int planes) {
  std::vector<float> all(clients.size() * std::size_t(planes), 1.0f);
  for (std::size_t u = 0; u < clients.size(); ++u) {
    float* omega = all.data() + u * std::size_t(planes);
    if (views > 1) std::copy_n(clients[u].omega, views, omega);
    if (planes > views) omega[views] = clients[u].base_scale;
  }
  return all;
}

// From the counts over all candidates, where a held-out item may have met itself; as rank_cpu.cpp.
Ranks finish(const Model& model, const Client& c, const std::int32_t* count, const float* score) {
  if (c.valid < 0 && c.test < 0) return {};
  const auto counted = [&](std::int32_t item) {
    if (c.sampled) return std::ranges::find(c.candidates, item) != c.candidates.end();
    return item >= 0 && !contains(c.dropped, item) && !contains(model.excluded, item);
  };
  Held valid{c.valid, score[0], count[0], count[1]}, test{c.test, score[1], count[2], count[3]};
  const bool own_valid = counted(c.valid), own_test = counted(c.test),
             also_valid = c.valid != c.test && own_valid;
  if (own_valid) valid.count(valid.score, -1);
  if (own_test) test.count(test.score, -1);
  // dropped at test time
  if (also_valid) test.count(valid.score, -1);
  // the usual case needs no count
  if (!std::isnan(valid.score) && !std::isnan(test.score)) return {valid.rank(0), test.rank(0)};
  auto candidates = std::int64_t(c.candidates.size());
  if (!c.sampled) {
    candidates = model.items - std::int64_t(c.dropped.size());
    for (const auto id : model.excluded) candidates -= !contains(c.dropped, id);
  }
  return {valid.rank(candidates - own_valid), test.rank(candidates - own_test - also_valid)};
}

GpuRank shape_of(const Model& m, bool sampled) {
  GpuRank r;
  r.head = m.head;
  r.items = m.items;
  r.width = m.width;
  r.views = m.views;
  r.planes = m.views + (m.base != nullptr ? 1 : 0);
  r.prior_groups = m.prior_groups;
  r.rows_add = m.own_rows == OwnRows::add;
  r.sampled = sampled;
  r.theta_stride = m.theta != nullptr ? 0 : m.head.theta;
  r.excluded_count = std::int64_t(m.excluded.size());
  return r;
}

bool all_sampled(std::span<const Client> clients) {
  return !clients.empty() && clients.front().sampled;
}

}  // namespace

std::int64_t table_bytes(const GpuRank& s) {
  const std::int64_t tables = (s.depth() + s.units() * s.planes) * s.padded_items();
  return std::int64_t(sizeof(float)) *
         (tables + s.items * (s.planes * s.width + s.prior_groups) +
          (s.theta_stride == 0 ? s.head.theta : 0) + s.excluded_count);
}

std::int64_t batch_bytes(const GpuRank& s, std::int64_t ids) {
  const std::int64_t a_client =
                         s.theta_stride + s.head.user + s.planes + s.prior_groups + 1 + 2 + 2 + 4,
                     own = s.own_count * s.width + s.units() * s.padded_own();
  return std::int64_t(sizeof(float)) *
             (s.clients * a_client + (s.depth() + s.units()) * s.padded_clients() + own + ids) +
         3 * std::int64_t(sizeof(std::int64_t)) * (s.clients + 1);
}

bool serves(const HeadLayout& head, int planes, int width, bool clients_share_head) {
  switch (head.kind) {
    case HeadKind::linear:
      return width == head.d;
    case HeadKind::mlp:
      return width == head.d && clients_share_head && planes <= most_hidden_planes;
    case HeadKind::neumf:
      return clients_share_head && head.d <= most_tower_d;
    default:  // ranked on the host
      return false;
  }
}

bool served_on_device(const Problem& problem) {
  const auto& m = problem.model;
  const bool sampled = all_sampled(problem.clients);
  return serves(m.head, m.views + (m.base != nullptr ? 1 : 0), m.width, m.theta != nullptr) &&
         std::ranges::all_of(problem.clients,
                             [&](const Client& c) { return c.sampled == sampled; });
}

DeviceTables::DeviceTables(const gpu::Stream& stream, const Model& m, bool sampled)
    : part_(shape_of(m, sampled)) {
  GpuRank& r = part_;
  if (!serves(r.head, r.planes, r.width, r.theta_stride == 0))
    throw InputError("these ranks cannot be counted on a device",
                     "the kernels take linear heads, and hidden heads that clients share",
                     "use --device cpu");
  const auto cells = std::size_t(r.items * r.width);
  for (int p = 0; p < r.planes; ++p)
    r.view[p] = views_.put(stream, std::span(p < m.views ? m.view[p] : m.base, cells));
  r.prior = views_.put(stream, std::span(m.prior, std::size_t(r.items * r.prior_groups)));
  if (m.theta != nullptr)
    r.theta = tables_.put(stream, std::span(m.theta, std::size_t(m.head.theta)));
  r.excluded = tables_.put(stream, m.excluded);
  r.items_k = tables_.make<float>(stream, r.depth() * r.padded_items());
  r.hidden_k = tables_.make<float>(stream, r.units() * r.planes * r.padded_items());
  stream.synchronise();
}

void DeviceTables::prepare(const gpu::Stream& stream) const {
  gpu::on_platform(stream.device(), [&]<class P>(P) {
    if (part_.columns() > 0) prepare_linear<P>(part_, stream);
    if (part_.has_hidden()) prepare_hidden<P>(part_, stream);
  });
}

void DeviceTables::forget_views(const gpu::Stream& stream) {
  stream.synchronise();
  views_ = {};
}

DeviceBatch::DeviceBatch(const gpu::Stream& stream, const DeviceTables& tables,
                         std::span<const Client> clients)
    : rank_(tables.part()) {
  GpuRank& r = rank_;
  r.clients = std::int64_t(clients.size());
  const auto put = [&]<class T>(const std::vector<T>& values) {
    return arrays_.put(stream, std::span<const T>(values));
  };
  const auto make = [&](std::int64_t n) { return arrays_.make<float>(stream, n); };
  const auto place = [&](const Lists& lists) { return GpuLists{put(lists.begin), put(lists.ids)}; };
  const Lists own(clients, &Client::row_ids), dropped(clients, &Client::dropped),
      listed(clients, &Client::candidates);
  r.own_count = own.begin.back();
  r.own = place(own);
  r.dropped = place(dropped);
  r.listed = place(listed);
  std::vector<std::int32_t> held;
  for (const auto& c : clients) held.insert(held.end(), {c.valid, c.test});
  const auto theta = rows_of(clients, r.theta_stride, &Client::theta),
             user = rows_of(clients, r.head.user, &Client::user),
             shares = rows_of(clients, r.prior_groups, &Client::shares);
  const auto omega = omega_of(clients, r.views, r.planes),
             own_rows = own_rows_of(clients, own.begin, r.width);
  if (r.theta_stride > 0) r.theta = put(theta);
  r.held = put(held);
  r.user = put(user);
  r.omega = put(omega);
  r.shares = put(shares);
  r.own_rows = put(own_rows);
  r.clients_k = make(r.depth() * r.padded_clients());
  r.units_k = make(r.units() * r.padded_clients());
  r.own_k = make(r.units() * r.padded_own());
  r.bias = make(r.clients);
  threshold_ = gpu::Buffer<float>(stream.shared_device(), std::size_t(2 * r.clients));
  count_ = gpu::Buffer<std::int32_t>(stream.shared_device(), std::size_t(4 * r.clients));
  r.threshold = threshold_.data();
  r.count = count_.data();
  // Two blocks fit a multiprocessor; a few rounds of blocks even out the last one.
  const std::int64_t wanted = 8 * std::int64_t(stream.device().info().multiprocessors);
  const auto rows = std::max<std::int64_t>(1, r.padded_clients() / block_clients);
  splits_ = int(std::clamp<std::int64_t>(
      wanted / rows, 1, std::max<std::int64_t>(1, r.padded_items() / block_items)));
  stream.synchronise();  // what was gathered goes
}

void DeviceBatch::count(const gpu::Stream& stream) {
  count_.fill_bytes(0, stream);
  if (rank_.clients == 0 || rank_.items == 0) return;
  gpu::on_platform(stream.device(), [&]<class P>(P) {
    switch (rank_.head.kind) {
      case HeadKind::linear:
        return count_linear<P>(rank_, splits_, stream);
      case HeadKind::mlp:
        return count_mlp<P>(rank_, splits_, stream);
      case HeadKind::neumf:
        return count_neumf<P>(rank_, stream);
      default:
        FEDFUSE_CHECK(false, "a head that DeviceTables refuses");
    }
  });
}

void DeviceBatch::finish(const gpu::Stream& stream, const Problem& problem,
                         std::span<Ranks> out) const {
  std::vector<std::int32_t> counts(count_.size());
  std::vector<float> scores(threshold_.size());
  count_.copy_out(counts, stream);
  threshold_.copy_out(scores, stream);
  stream.synchronise();
#pragma omp parallel for schedule(static)
  for (std::size_t u = 0; u < out.size(); ++u)
    out[u] = rank::finish(problem.model, problem.clients[u], &counts[4 * u], &scores[2 * u]);
}

DeviceRanker::DeviceRanker(const std::shared_ptr<gpu::Device>& device, const Model& model,
                           bool sampled, const BatchLimits& limits)
    : stream_(device), model_(model), tables_(stream_, model, sampled), limits_(limits) {
  tables_.prepare(stream_);
  tables_.forget_views(stream_);
}

void DeviceRanker::run(std::span<const Client> clients, std::span<Ranks> out) const {
  for (std::size_t first = 0, n = 0; first < clients.size(); first += n) {
    std::int64_t own = 0, listed = 0;
    for (n = 0; first + n < clients.size() && n < std::size_t(limits_.clients); ++n) {
      const auto& c = clients[first + n];
      own += std::int64_t(c.row_ids.size());
      listed += std::int64_t(c.dropped.size() + c.candidates.size());
      if (n > 0 && (own > limits_.own_rows || listed > limits_.listed)) break;
    }
    const auto some = clients.subspan(first, n);
    DeviceBatch batch(stream_, tables_, some);
    batch.count(stream_);
    batch.finish(stream_, {model_, some}, out.subspan(first, n));
  }
}

OnDevice::OnDevice(const std::shared_ptr<gpu::Device>& device, const Problem& problem)
    : stream_(device),
      tables_(stream_, problem.model, all_sampled(problem.clients)),
      batch_(stream_, tables_, problem.clients) {}

void OnDevice::launch(const gpu::Stream& stream) {
  tables_.prepare(stream);
  batch_.count(stream);
}

namespace {

void rank_on(const std::shared_ptr<gpu::Device>& device, const Problem& problem,
             std::span<Ranks> out) {
  if (!served_on_device(problem))
    throw InputError("these ranks cannot be counted on a device", "not a served form",
                     "use --device cpu");
  if (problem.clients.empty() || problem.model.items == 0) return;
  DeviceRanker(device, problem.model, all_sampled(problem.clients)).run(problem.clients, out);
}

}  // namespace

void cuda(const Problem& problem, std::span<Ranks> out) {
  rank_on(gpu::open_cuda_device(0), problem, out);
}
void emulated(const Problem& problem, std::span<Ranks> out) {
  rank_on(gpu::open_emulated_device(), problem, out);
}

}  // namespace fedfuse::rank
