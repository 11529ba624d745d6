#include "collectives/all_reduce.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/gpu/reducer.hpp"
#include "core/timer.hpp"
#include "server/device/choose.hpp"

namespace fedfuse::bench {
namespace {

// Word i of rank r; the sum over p ranks is p i + p (p - 1) / 2, whatever the order.
void fill(std::span<std::int64_t> words, int rank) {
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = std::int64_t(i) + rank;
}
std::int64_t wrong_words(std::span<const std::int64_t> words, std::int64_t p) {
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < words.size(); ++i)
    wrong += words[i] != p * std::int64_t(i) + p * (p - 1) / 2;
  return wrong;
}

class OverMpi final : public AllReduce {
 public:
  explicit OverMpi(const Comm& comm) : comm_(comm) {}
  [[nodiscard]] std::string name() const override { return "mpi"; }
  void put(std::span<const std::int64_t> words) override {
    words_.assign(words.begin(), words.end());
  }
  void sum() override { comm_.sum(words_); }
  void take(std::span<std::int64_t> words) override { std::ranges::copy(words_, words.begin()); }

 private:
  Comm comm_;
  std::vector<std::int64_t> words_;
};

class OverDevices final : public AllReduce {
 public:
  OverDevices(std::shared_ptr<gpu::Device> device, gpu::ChosenReducer reducer)
      : device_(std::move(device)), stream_(device_), reducer_(std::move(reducer)) {}
  [[nodiscard]] std::string name() const override { return reducer_.name; }
  void put(std::span<const std::int64_t> words) override {
    if (words_.size() != words.size()) words_ = gpu::Buffer<std::int64_t>(device_, words.size());
    words_.copy_in(words, stream_);
    stream_.synchronise();
  }
  void sum() override { reducer_.reducer->sum(words_.data(), words_.size(), stream_); }
  void wait() override { reducer_.reducer->wait(stream_); }
  void take(std::span<std::int64_t> words) override {
    words_.copy_out(words, stream_);
    stream_.synchronise();
  }

 private:
  std::shared_ptr<gpu::Device> device_;
  gpu::Stream stream_;
  gpu::ChosenReducer reducer_;
  gpu::Buffer<std::int64_t> words_;
};

// Sums are put on a device one behind the other and waited for once, as in a round: what a wait
// costs is no part of a sum.
double timed(AllReduce& way, const Comm& comm, std::int64_t count, int iterations) {
  // sums of zeros: repeated in place, nothing overflows
  way.put(std::vector<std::int64_t>(std::size_t(count)));
  comm.barrier();
  const double start = now_seconds();
  for (int k = 0; k < iterations; ++k) way.sum();
  way.wait();
  return comm.max((now_seconds() - start) / iterations);
}

}  // namespace

AllReduces all_reduces(const Comm& comm) {
  AllReduces all;
  all.ways.push_back(std::make_unique<OverMpi>(comm));
  const bool emulated = std::getenv("FEDFUSE_BENCH_EMULATED") != nullptr;
  if (!emulated && comm.min(std::int64_t(gpu::count_devices())) == 0) {
    all.no_nccl = gpu::why_none();
    return all;
  }
  auto chosen = open_device(emulated ? DeviceKind::emulated : DeviceKind::cuda, comm, 1);
  const auto& info = chosen.device->info();
  all.facts.device = info.emulated ? DeviceKind::emulated : DeviceKind::cuda;
  all.facts.name = info.name;
  all.facts.uuid = info.uuid;
  all.facts.driver = info.driver;
  auto reducer = gpu::choose_reducer(chosen.device, comm.max(chosen.ranks), comm);
  all.facts.reduction = reducer.name;
  if (reducer.reducer == nullptr)
    all.no_nccl = reducer.name;
  else
    all.ways.push_back(std::make_unique<OverDevices>(std::move(chosen.device), std::move(reducer)));
  return all;
}

Measured measure_all_reduce(AllReduce& way, const Comm& comm, std::int64_t bytes, int repeats) {
  std::vector<std::int64_t> words(std::size_t(std::max<std::int64_t>(1, bytes / 8)));
  Measured m;
  fill(words, comm.rank());
  way.put(words);
  way.sum();
  way.wait();
  way.take(words);
  m.wrong = comm.sum(wrong_words(words, comm.size()));
  if (m.wrong != 0) return m;
  // 20 ms a timing, by rank 0's clock: a count that each rank chose for itself would leave some
  // waiting for ever.
  const double once = timed(way, comm, std::int64_t(words.size()), 3);
  std::int64_t iterations =
      std::clamp<std::int64_t>(std::int64_t(0.02 / std::max(once, 1e-9)), 1, 10000);
  comm.broadcast(std::span(&iterations, 1));
  m.iterations = int(iterations);
  for (int k = 0; k < repeats; ++k)
    m.seconds.push_back(timed(way, comm, std::int64_t(words.size()), m.iterations));
  auto sorted = m.seconds;
  std::ranges::sort(sorted);
  m.median = sorted.empty() ? 0 : (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]) / 2;
  return m;
}

}  // namespace fedfuse::bench
