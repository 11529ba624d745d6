#include "data/generate.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/text.hpp"
#include "data/alias_sampler.hpp"
#include "data/output_claim.hpp"
#include "data/planted.hpp"
#include "data/write_dataset.hpp"

namespace fedfuse {
namespace {

// The clients of this rank: groups and numbers of interactions first, then items in their places.
class ClientPlanter {
 public:
  ClientPlanter(const GenerateOptions& options, const PlantedItems& items, std::int64_t first,
                std::int64_t count, const Stop& stop)
      : options_(options),
        items_(items),
        preference_(plant_groups(options)),
        rng_(options.seed, Purpose::generate_clients),
        first_(first),
        count_(count),
        stop_(stop) {}

  void plant(DatasetParts& parts) {
    choose_groups_and_counts(parts);
    std::vector<std::vector<std::int64_t>> members(std::size_t(options_.groups));
    for (std::int64_t local = 0; local < count_; ++local)
      members[std::size_t(parts.label[std::size_t(local)])].push_back(local);
    // one sampler at a time: M numbers, not G x M
    for (std::int64_t g = 0; g < options_.groups && !is_asked(stop_); ++g)
      if (!members[std::size_t(g)].empty()) plant_group(g, members[std::size_t(g)], parts);
  }

 private:
  struct Scratch {
    std::vector<std::int64_t> seen;    // M: last client that took the item, + 1
    std::vector<std::int32_t> chosen;  // of one client
    std::vector<float> own;            // L: p_u - c_g
  };

  void choose_groups_and_counts(DatasetParts& parts) const {
    parts.label.resize(std::size_t(count_));
    parts.offsets.assign(1, 0);
    for (std::int64_t local = 0; local < count_; ++local) {
      const auto u = std::uint64_t(first_ + local);
      parts.label[std::size_t(local)] = std::int32_t(
          rng_.uniform(u, std::uint32_t(ClientDraw::group), 0) * double(options_.groups));
      parts.offsets.push_back(parts.offsets.back() + interactions_of(u) - 2);
    }
    parts.train.resize(std::size_t(parts.offsets.back()));
    parts.valid.resize(std::size_t(count_));
    parts.test.resize(std::size_t(count_));
  }

  // activity_min + a lognormal number of the right mean, rounded to the nearest, cut at the
  // maximum.
  [[nodiscard]] std::int64_t interactions_of(std::uint64_t u) const {
    const double excess = options_.activity - double(options_.activity_min),
                 sigma = options_.activity_sigma;
    if (excess <= 0) return options_.activity_min;
    const double z = rng_.normal(u, std::uint32_t(ClientDraw::activity), 0);
    const double n = double(options_.activity_min) +
                     std::exp(std::log(excess) - 0.5 * sigma * sigma + sigma * z);
    const auto most = options_.activity_max > 0
                          ? options_.activity_max
                          : std::max(options_.activity_min, options_.items / 4);
    return std::int64_t(std::min(std::round(n), double(most)));
  }

  void plant_group(std::int64_t group, const std::vector<std::int64_t>& members,
                   DatasetParts& parts) const {
    std::vector<double> weight(items_.popularity.size());
#pragma omp parallel for schedule(static)
    for (std::int64_t i = 0; i < options_.items; ++i)
      weight[std::size_t(i)] =
          items_.popularity[std::size_t(i)] *
          std::exp(options_.taste * dot(preference_.row(group), items_.content.row(i)));
    const AliasSampler sampler(weight);
#pragma omp parallel
    {
      Scratch scratch{std::vector<std::int64_t>(std::size_t(options_.items), 0),
                      {},
                      std::vector<float>(std::size_t(options_.latent))};
#pragma omp for schedule(dynamic, 64)
      for (std::size_t m = 0; m < members.size(); ++m)
        if (!is_asked(stop_)) plant_client(members[m], sampler, scratch, parts);
    }
  }

  // The group's distribution proposes; the client's own part of the taste accepts (its bound cuts
  // exp at 1.5 standard deviations). After 50 proposals for each item wanted, taste is waived;
  // after 100, the next free items are taken.
  void plant_client(std::int64_t local, const AliasSampler& sampler, Scratch& scratch,
                    DatasetParts& parts) const {
    const auto u = std::uint64_t(first_ + local);
    const auto begin = parts.offsets[std::size_t(local)],
               wanted = parts.offsets[std::size_t(local) + 1] - begin + 2;
    const auto mark = first_ + local + 1;
    draw_own_taste(u, scratch.own);
    const double bound = 1.5 * options_.taste * options_.jitter;
    scratch.chosen.clear();
    const auto take = [&](std::int32_t item) {
      scratch.seen[std::size_t(item)] = mark;
      scratch.chosen.push_back(item);
    };
    RngStream stream(rng_, u, std::uint32_t(ClientDraw::items));
    for (std::int64_t tries = 0;
         tries < 100 * wanted && std::int64_t(scratch.chosen.size()) < wanted; ++tries) {
      const auto column = stream.below(sampler.size());
      const auto item = sampler.draw(column, stream.uniform());
      const double accept = stream.uniform();
      if (scratch.seen[std::size_t(item)] == mark) continue;
      if (tries < 50 * wanted &&
          std::log(accept) >
              options_.taste * dot(scratch.own.data(), items_.content.row(item)) - bound)
        continue;
      take(item);
    }
    for (auto item = std::int32_t(stream.below(sampler.size()));
         std::int64_t(scratch.chosen.size()) < wanted;
         item = std::int32_t((item + 1) % options_.items))
      if (scratch.seen[std::size_t(item)] != mark) take(item);
    hold_out(u, local, scratch.chosen, parts);
  }

  void draw_own_taste(std::uint64_t u, std::vector<float>& own) const {
    double square = 0;
    for (std::size_t k = 0; k < own.size(); ++k) {
      own[k] = float(rng_.normal(u, std::uint32_t(ClientDraw::preference), std::uint32_t(k)));
      square += double(own[k]) * double(own[k]);
    }
    const double scale = options_.jitter / std::sqrt(std::max(square, 1e-30));
    for (auto& x : own) x = float(double(x) * scale);
  }

  void hold_out(std::uint64_t u, std::int64_t local, std::vector<std::int32_t>& chosen,
                DatasetParts& parts) const {
    RngStream order(rng_, u, std::uint32_t(ClientDraw::order));
    for (std::size_t k = chosen.size(); k > 1; --k)
      std::swap(chosen[k - 1], chosen[order.below(std::uint32_t(k))]);
    parts.test[std::size_t(local)] = chosen.back();
    parts.valid[std::size_t(local)] = chosen[chosen.size() - 2];
    std::sort(chosen.begin(), chosen.end() - 2);
    std::copy(chosen.begin(), chosen.end() - 2,
              parts.train.begin() + parts.offsets[std::size_t(local)]);
  }

  [[nodiscard]] double dot(const float* a, const float* b) const {
    double sum = 0;
    for (std::int64_t k = 0; k < options_.latent; ++k) sum += double(a[k]) * double(b[k]);
    return sum;
  }

  const GenerateOptions& options_;
  const PlantedItems& items_;
  Matrix<float> preference_;  // G x L
  Rng rng_;
  std::int64_t first_, count_;
  const Stop& stop_;
};

std::string describe(const GenerateOptions& o) {
  return nlohmann::ordered_json{{"users", o.users},
                                {"items", o.items},
                                {"groups", o.groups},
                                {"dim_text", o.dim_text},
                                {"dim_image", o.dim_image},
                                {"latent", o.latent},
                                {"topics", o.topics},
                                {"topic_share", o.topic_share},
                                {"noise", o.noise},
                                {"missing", o.missing},
                                {"zipf", o.zipf},
                                {"taste", o.taste},
                                {"jitter", o.jitter},
                                {"modality_spread", o.modality_spread},
                                {"activity", o.activity},
                                {"activity_sigma", o.activity_sigma},
                                {"activity_min", o.activity_min},
                                {"activity_max", o.activity_max},
                                {"shuffle_features", o.shuffle_features},
                                {"seed", o.seed}}
      .dump();
}

void require(bool good, const std::string& problem, const std::string& why,
             const std::string& what_to_do) {
  if (!good) throw InputError(problem, why, what_to_do);
}
template <class T>
void require_range(const char* option, T value, T least, T most) {
  require(value >= least && value <= most, cat("--", option, " ", value, " is impossible"),
          cat("it must lie between ", least, " and ", most), cat("choose another --", option));
}

}  // namespace

GenerateOptions GenerateOptions::sparse() {
  GenerateOptions options;
  options.items = 3000;
  options.activity = 7.0;
  options.activity_sigma = 0.8;
  options.activity_min = 5;
  options.activity_max = 10;
  options.name = "planted-sparse";
  return options;
}

void validate(const GenerateOptions& o) {
  using I = std::int64_t;
  require_range<I>("users", o.users, 1, 100'000'000);
  require_range<I>("items", o.items, 50, 100'000'000);
  require(o.groups <= o.users, cat("--groups ", o.groups, " is impossible"),
          cat("there are only ", o.users, " users"), "ask for fewer groups or more users");
  require_range<I>("groups", o.groups, 1, 100'000);
  require_range<I>("dim-text", o.dim_text, 0, 65536);
  require_range<I>("dim-image", o.dim_image, 0, 65536);
  require_range<I>("latent", o.latent, 4, 4096);
  require_range<I>("topics", o.topics, 1, 1'000'000);
  require_range("topic-share", o.topic_share, 0.0, 1.0);
  require_range("noise", o.noise, 0.0, 1e6);
  require_range("missing", o.missing, 0.0, 1.0);
  require_range("zipf", o.zipf, 0.0, 2.0);
  require_range("taste", o.taste, 0.0, 6.0);
  require_range("jitter", o.jitter, 0.0, 2.0);
  require_range("modality-spread", o.modality_spread, 0.0, 1.0);
  require_range<I>("activity-min", o.activity_min, 3, o.items / 2);
  require(o.activity_max == 0 || o.activity_max >= o.activity_min,
          cat("--activity-max ", o.activity_max, " is impossible"),
          cat("it is below --activity-min ", o.activity_min), "raise it, or 0 for none");
  require_range<I>("activity-max", o.activity_max, 0, o.items / 2);
  const double most =
      double(o.activity_max > 0 ? o.activity_max : std::max(o.activity_min, o.items / 4));
  require_range("activity", o.activity, double(o.activity_min), most);
  require_range("activity-sigma", o.activity_sigma, 0.0, 3.0);
  require(!o.out.empty(), "generate needs an output file", "--out is empty",
          "name the HDF5 file to write with --out");
}

namespace {

std::vector<MemoryNeed> memory_needs(const GenerateOptions& o, int ranks) {
  constexpr double float_bytes = 4, double_bytes = 8;
  const double items = double(o.items), clients = double(o.users) / ranks,
               latent = double(o.latent);
  const auto given = [](const char* option, auto value) { return cat(option, " ", value); };
  return {{given("--dim-text", o.dim_text), items * double(o.dim_text) * float_bytes},
          {given("--dim-image", o.dim_image), items * double(o.dim_image) * float_bytes},
          {given("--items", o.items), items * double_bytes * (3.0 + omp_get_max_threads())},
          {given("--latent", o.latent), items * latent * float_bytes},
          {given("--topics", o.topics), double(o.topics) * latent * float_bytes},
          {given("--groups", o.groups), double(o.groups) * latent * float_bytes},
          {given("--users", o.users), clients * (4 * float_bytes + 2 * double_bytes)},
          {given("--activity", o.activity), clients * o.activity * float_bytes}};
}

}  // namespace

void generate(const GenerateOptions& options, const Comm& comm, const Stop& stop) {
  validate(options);
  const OutputClaims claims({{"--out", options.out}}, {}, options.overwrite, comm);
  check_memory_needs(memory_needs(options, comm.size()), comm);
  const BlockSplit split{options.users, comm.size()};
  DatasetParts parts;
  comm.together([&] {
    auto items = plant_items(options);
    parts.first_client = split.first(comm.rank());
    ClientPlanter(options, items, parts.first_client, split.count(comm.rank()), stop).plant(parts);
    if (is_asked(stop)) throw Stopped();
    parts.text = std::move(items.text);
    parts.image = std::move(items.image);
    parts.latent = std::move(items.content);
    parts.has_text = std::move(items.has_text);
    parts.has_image = std::move(items.has_image);
    parts.item_group = std::move(items.topic);
  });
  parts.name = options.name;
  parts.created_by = "fedfuse generate";
  parts.details = describe(options);
  parts.clients = options.users;
  parts.items = options.items;
  write_dataset(parts, options.out, options.overwrite, comm, stop);
}

}  // namespace fedfuse
