#include "server/probe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "server/upload_ids.hpp"

namespace fedfuse {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// The share of positives among the best rows, of which there are as many as positives.
double precision_of_best(const std::vector<double>& score,
                         const std::vector<std::uint8_t>& positive) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](auto a, auto b) { return score[a] > score[b]; });
  const auto wanted = std::size_t(std::ranges::count(positive, std::uint8_t(1)));
  double hits = 0;
  for (std::size_t k = 0; k < wanted; ++k) hits += positive[order[k]];
  return wanted == 0 ? none : hits / double(wanted);
}

// What a client sent, as rows that grow towards positives: gradients come with the other sign.
Matrix<double> rows_of(const ModelSpec& spec, const LocalUpdate& update) {
  const auto n = std::int64_t(update.items.size()), width = std::int64_t(spec.view_width);
  const double sign = spec.rows_trained ? 1.0 : -1.0;
  Matrix<double> rows(n, width);
  for (int j = 0; j < spec.views; ++j)
    for (std::int64_t k = 0; k < n * width; ++k)
      rows.values[std::size_t(k)] += sign * double(update.rows[j * n * width + k]);
  return rows;
}

std::vector<double> along_head(const ModelSpec& spec, const Matrix<double>& rows,
                               std::span<const float> theta) {
  std::vector<double> score(std::size_t(rows.rows));
  for (std::int64_t i = 0; i < rows.rows; ++i)
    for (std::int64_t k = 0; k < rows.cols; ++k)
      score[std::size_t(i)] += rows(i, k) * double(theta[std::size_t(spec.head.last_w + k)]);
  return score;
}

// Sums of shares in 2^-40, the same for any order.
struct Mean {
  std::int64_t sum = 0, count = 0;
  void add(double x) {
    if (std::isnan(x)) return;
    sum += std::llrint(std::ldexp(x, 40));
    ++count;
  }
};

}  // namespace

std::vector<double> along_first_direction(const Matrix<double>& rows) {
  const auto n = std::size_t(rows.rows), width = std::size_t(rows.cols);
  std::vector<double> direction(width, 1.0), score(n);
  constexpr int steps = 30;
  for (int step = 0; step < steps; ++step) {
    for (std::size_t i = 0; i < n; ++i)
      score[i] =
          std::inner_product(direction.begin(), direction.end(), rows.row(std::int64_t(i)), 0.0);
    std::ranges::fill(direction, 0.0);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < width; ++k)
        direction[k] += score[i] * rows(std::int64_t(i), std::int64_t(k));
    const double norm =
        std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
    if (!(norm > 0)) break;
    for (double& x : direction) x /= norm;
  }
  const auto above = std::ranges::count_if(score, [](double s) { return s > 0; });
  const auto below = std::ranges::count_if(score, [](double s) { return s < 0; });
  if (above > below)
    for (double& s : score) s = -s;
  return score;
}

double area_under_curve(const std::vector<double>& score,
                        const std::vector<std::uint8_t>& positive) {
  std::vector<std::size_t> order(score.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, [&](auto a, auto b) { return score[a] < score[b]; });
  double others_below = 0, pairs = 0, positives = 0;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    double tied = 0;
    while (last < order.size() && score[order[last]] == score[order[first]])
      tied += positive[order[last++]];
    const double others = double(last - first) - tied;
    pairs += tied * (others_below + others / 2);
    others_below += others;
    positives += tied;
    first = last;
  }
  return positives > 0 && others_below > 0 ? pairs / (positives * others_below) : none;
}

Probe::Probe(const Config& config, const ModelSpec& spec, const Dataset& data,
             const Kernels& kernels)
    : config_(config),
      spec_(spec),
      data_(data),
      sampler_(config, data, kernels),
      trainer_(config, spec, data, sampler_, kernels) {
  // A key a client; the smallest of all clients are probed.
  const Rng rng(config.federation.seed, Purpose::probe);
  const auto key = [&](std::int64_t id) {
    return std::pair{rng.bits(std::uint64_t(id), 0, 0), id};
  };
  std::vector<std::pair<std::uint64_t, std::int64_t>> keys;
  for (std::int64_t id = 0; id < data.clients; ++id) keys.push_back(key(id));
  const auto wanted = std::min(config.privacy.probe_clients, data.clients);
  std::ranges::nth_element(keys, keys.begin() + (wanted - 1));
  const auto last = keys[std::size_t(wanted) - 1];
  for (std::size_t at = 0; at < data.client_ids.size(); ++at)
    if (key(data.client_ids[at]) <= last) probed_.push_back(std::int32_t(at));
  ids_.resize(probed_.size());
}

// The draws are pure functions of the round: those of the rounds before a restart are made again.
void Probe::intersect(std::int64_t round) {
  Samples samples;
  for (; seen_ < round; ++seen_) {
    const auto local = sample_participants(config_, data_, seen_ + 1);
    for (std::size_t p = 0; p < probed_.size(); ++p) {
      if (!std::ranges::binary_search(local, probed_[p])) continue;
      sampler_.draw(probed_[p], seen_ + 1, samples);
      auto named = samples.items;
      if (config_.privacy.upload_ids == UploadIds::padded) {
        std::vector<std::int32_t> both;
        std::ranges::set_union(
            named, padding_of(config_, data_.client_ids[std::size_t(probed_[p])], data_.items),
            std::back_inserter(both));
        named = both;
      }
      if (ids_[p].empty()) {
        ids_[p] = named;
        continue;
      }
      std::vector<std::int32_t> common;
      std::ranges::set_intersection(ids_[p], named, std::back_inserter(common));
      ids_[p] = common;
    }
  }
}

ProbeReport Probe::read(const std::vector<std::int32_t>& local, const RoundInputs& in,
                        const Comm& comm) {
  std::array<Mean, 4> means;
  comm.together([&] {
    intersect(in.round);
    for (std::size_t p = 0; p < probed_.size(); ++p) {
      const auto u = probed_[p];
      if (!std::ranges::binary_search(local, u)) continue;
      const auto& update = trainer_.train(u, in.round, in.global, in.state, in.distillation);
      const auto positives = data_.positives(u);
      std::vector<std::uint8_t> is_positive;
      for (const auto item : update.items)
        is_positive.push_back(std::uint8_t(std::ranges::binary_search(positives, item)));
      const auto rows = rows_of(spec_, update);
      const auto score = along_first_direction(rows);
      means[0].add(area_under_curve(score, is_positive));
      means[1].add(precision_of_best(score, is_positive));
      const bool sends_head = spec_.shares_head || spec_.has_teacher;
      if (sends_head && spec_.head.last_width == spec_.view_width)
        means[2].add(area_under_curve(along_head(spec_, rows, update.theta), is_positive));
      const bool dense = config_.privacy.upload_ids == UploadIds::dense;
      const double named = dense ? double(data_.items) : double(ids_[p].size());
      if (named > 0) means[3].add(double(positives.size()) / named);
    }
  });
  std::array<std::int64_t, 8> sums{};
  for (std::size_t k = 0; k < means.size(); ++k) {
    sums[2 * k] = means[k].sum;
    sums[2 * k + 1] = means[k].count;
  }
  comm.sum(sums);
  const auto mean = [&](std::size_t k) {
    return sums[2 * k + 1] == 0 ? none
                                : std::ldexp(double(sums[2 * k]), -40) / double(sums[2 * k + 1]);
  };
  return {mean(0), mean(1), mean(2), mean(3)};
}

}  // namespace fedfuse
