#include "server/uploads.hpp"

#include <algorithm>
#include <atomic>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"

namespace fedfuse {
namespace {

// The rank's share of the machine's free memory, or --memory-gib.
double memory_budget(const ExecutionOptions& o) {
  if (o.memory_gib > 0) return o.memory_gib * double(1LL << 30);
  // ranks of a node do not know of each other: stay modest
  constexpr double share_for_uploads = 0.15;
  return share_for_uploads * double(available_memory_bytes());
}

bool decide_store(const Config& config, const ModelSpec& spec, const Dataset& data) {
  if (config.execution.uploads) return *config.execution.uploads == UploadMode::store;
  return upload_bytes(config, spec, data) <= memory_budget(config.execution);
}

}  // namespace

double upload_bytes(const Config& config, const ModelSpec& spec, const Dataset& data) {
  const double arrays = (spec.has_teacher ? 1 : 0) + (spec.has_overlay() ? 1 : 0);
  const auto samples = sample::samples_an_epoch(std::int64_t(data.train.size()),
                                                config.federation.negatives_per_positive);
  const double clients = double(data.clients);
  const double rows = double(samples) * double(uploads_of_round(config, data.clients)) / clients;
  return rows * (arrays * 4.0 * spec.view_width + 4.0);
}

Participants::Participants(const Config& config, const ModelSpec& spec, const Dataset& data,
                           int threads, const Kernels& kernels)
    : spec_(spec),
      data_(data),
      sampler_(config, data, kernels),
      store_(decide_store(config, spec, data)) {
  for (int t = 0; t < threads; ++t) trainers_.emplace_back(config, spec, data, sampler_, kernels);
}

std::vector<std::int32_t> heaviest_first(const Dataset& data,
                                         const std::vector<std::int32_t>& local) {
  std::vector<std::int32_t> position(data.client_ids.size(), -1), order;
  for (std::size_t p = 0; p < local.size(); ++p) position[std::size_t(local[p])] = std::int32_t(p);
  for (const auto u : data.heaviest_first)
    if (position[std::size_t(u)] >= 0) order.push_back(position[std::size_t(u)]);
  return order;
}

void Participants::store(const LocalUpdate& update, Keep keep, Stored& kept) const {
  const std::size_t n = update.items.size() * std::size_t(spec_.view_width);
  kept.items.assign(update.items.begin(), update.items.end());
  kept.rho = float(update.rho);
  if (update.overlay != nullptr) kept.overlay.assign(update.overlay, update.overlay + n);
  if (!spec_.has_teacher || keep != Keep::all) return;
  if (spec_.rows_trained)
    kept.rows.assign(update.rows, update.rows + n);
  else
    virtual_rows(update, kept.rows);
}

// The client's virtual row update: c_i = sum_j omega_j F_j[i] moves by -rate times its gradient,
// and sum_j dL/dF_j = dL/dc because the omegas sum to 1 (plus the router's part).
void Participants::virtual_rows(const LocalUpdate& update, std::vector<float>& to) const {
  const std::size_t n = update.items.size() * std::size_t(spec_.view_width);
  to.assign(n, 0.0f);
  for (int j = 0; j < spec_.views; ++j)
    for (std::size_t k = 0; k < n; ++k)
      to[k] -= update.virtual_rate * update.rows[std::size_t(j) * n + k];
}

Upload Participants::upload_of(const LocalUpdate& update, std::vector<float>& room) const {
  Upload upload{update.items, update.rows, nullptr, float(update.rho)};
  if (spec_.rows_trained) return upload;
  virtual_rows(update, room);
  upload.rows = room.data();
  return upload;
}

namespace {

// parallel_for that leaves out what is still to be done once stop asks. Stopped.
template <class Body>
void parallel_until(const Stop& stop, std::int64_t n, int threads, const Body& body) {
  std::atomic<bool> stopped{false};
  parallel_for(n, threads, [&](std::int64_t i, int thread) {
    if (stopped || is_asked(stop))
      stopped = true;
    else
      body(i, thread);
  });
  if (stopped) throw Stopped();
}

}  // namespace

Upload Participants::view(const Stored& kept) {
  return {kept.items, kept.rows.data(), kept.overlay.empty() ? nullptr : kept.overlay.data(),
          kept.rho};
}

const LocalUpdate& Participants::turn(int thread, std::int64_t local, std::int64_t position,
                                      const RoundInputs& in) {
  const auto start = in.start(position);
  return trainers_[std::size_t(thread)].train(local, start.round, *start.model, in.state,
                                              in.distillation);
}

void Participants::train(const std::vector<std::int32_t>& local, const RoundInputs& in, Keep keep,
                         const OnUpdate& on_update) {
  const auto order = heaviest_first(data_, local);
  stored_.clear();
  if (keep != Keep::nothing && store_) stored_.resize(local.size());
  parallel_until(in.stop, std::int64_t(order.size()), threads(), [&](std::int64_t i, int thread) {
    const auto position = order[std::size_t(i)];
    const auto u = local[std::size_t(position)];
    const auto& update = turn(thread, u, position, in);
    if (!stored_.empty()) store(update, keep, stored_[std::size_t(i)]);
    on_update(position, u, update);
  });
}

void Participants::revisit(const std::vector<std::int32_t>& local, const RoundInputs& in,
                           const OnUpload& on_upload) {
  upload_again(local, in, on_upload, {});
}

void Participants::keep(const std::vector<std::int32_t>& local, const RoundInputs& in,
                        const OnUpload& keep) {
  upload_again(local, in, {}, keep);
}

void Participants::upload_again(const std::vector<std::int32_t>& local, const RoundInputs& in,
                                const OnUpload& concurrently, const OnUpload& serially) {
  const auto order = heaviest_first(data_, local);
  const std::size_t chunk = store_ ? order.size() : replay_chunk;
  for (std::size_t first = 0; first < order.size(); first += chunk) {
    const std::size_t count = std::min(chunk, order.size() - first);
    const auto place = [&](std::size_t i) { return order[first + i]; };
    const auto client = [&](std::size_t i) { return local[std::size_t(place(i))]; };
    if (!store_) stored_.resize(count);
    parallel_until(in.stop, std::int64_t(count), threads(), [&](std::int64_t i, int thread) {
      auto& kept = stored_[std::size_t(i)];
      const auto u = client(std::size_t(i));
      if (!store_) store(turn(thread, u, place(std::size_t(i)), in), Keep::all, kept);
      if (concurrently) concurrently(u, view(kept));
    });
    if (!serially) continue;
    for (std::size_t i = 0; i < count; ++i) serially(client(i), view(stored_[i]));
  }
}

Turns Participants::turns() const {
  Turns all;
  for (const auto& trainer : trainers_) all += trainer.turns();
  return all;
}

std::int64_t Participants::stored_bytes() const {
  std::int64_t bytes = 0;
  for (const auto& s : stored_)
    bytes += std::int64_t(4 * (s.items.size() + s.rows.size() + s.overlay.size()));
  return bytes;
}

}  // namespace fedfuse
