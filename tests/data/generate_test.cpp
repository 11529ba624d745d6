#include "data/generate.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/h5.hpp"
#include "data/read_dataset.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;
using test::Folder;

const std::vector<const char*> whole_numbers{
    "/interactions/offsets", "/interactions/items", "/split/valid",    "/split/test",
    "/clients/label",        "/items/group",        "/items/has_text", "/items/has_image"};
const std::vector<const char*> floats{"/items/text", "/items/image", "/items/latent"};

void expect_same_content(const std::string& a, const std::string& b) {
  const auto fa = h5::File::open(a), fb = h5::File::open(b);
  for (const auto* name : whole_numbers)
    EXPECT_EQ(fa.read_all<std::int64_t>(name), fb.read_all<std::int64_t>(name)) << name;
  for (const auto* name : floats)
    EXPECT_EQ(fa.read_all<float>(name), fb.read_all<float>(name)) << name;
  for (const auto* name : {"name", "details", "created_by", "format"})
    EXPECT_EQ(fa.text("/", name), fb.text("/", name)) << name;
  for (const auto* name : {"clients", "items", "train_interactions", "evaluated_test"})
    EXPECT_EQ(fa.integer("/", name), fb.integer("/", name)) << name;
}

struct Generated {
  Folder folder;
  Dataset data;          // as one rank sees it: all clients
  Matrix<float> latent;  // M x L
  explicit Generated(GenerateOptions options) {
    options.out = folder / "d.h5";
    generate(options, Comm::world());
    data = read_dataset(options.out, Comm::self());
    latent = h5::File::open(options.out).read_matrix<float>("/items/latent");
  }
};

TEST(Generate, IsTheSameForAnyNumberOfRanksAndThreads) {
  const auto world = Comm::world();
  const Folder folder;
  GenerateOptions options;
  options.users = 301;
  options.items = 200;
  options.missing = 0.2;
  options.out = folder / "world.h5";
  generate(options, world);
  const int threads = omp_get_max_threads();
  omp_set_num_threads(3);
  world.on_root([&] {
    options.out = folder / "alone.h5";
    generate(options, Comm::self());
  });
  omp_set_num_threads(threads);
  expect_same_content(folder / "world.h5", folder / "alone.h5");
}

TEST(Generate, HoldsItsCounts) {
  GenerateOptions options;
  const Generated g(options);
  EXPECT_EQ(g.data.clients, options.users);
  EXPECT_EQ(g.data.items, options.items);
  EXPECT_EQ(g.data.text.cols, options.dim_text);
  std::vector<std::size_t> counts;
  // distinct and apart from the held-out ones: read_dataset saw to that
  for (std::int64_t u = 0; u < g.data.clients; ++u) {
    counts.push_back(g.data.positives(u).size() + 2);
    EXPECT_GE(g.data.valid[std::size_t(u)], 0);
    EXPECT_GE(g.data.test[std::size_t(u)], 0);
  }
  std::sort(counts.begin(), counts.end());
  EXPECT_EQ(std::int64_t(counts.front()), options.activity_min);
  EXPECT_LE(std::int64_t(counts.back()), options.items / 4);
  EXPECT_GT(counts.back(), 5 * counts[counts.size() / 2]);  // a long tail
  EXPECT_NEAR(double(g.data.train_interactions) / double(options.users) + 2, options.activity,
              0.08 * options.activity);
}

TEST(Generate, HasASparsePreset) {
  const auto options = GenerateOptions::sparse();
  const Generated g(options);
  EXPECT_GT(g.data.items, g.data.clients);
  for (std::int64_t u = 0; u < g.data.clients; ++u) {
    EXPECT_GE(g.data.positives(u).size(), 3u);
    EXPECT_LE(g.data.positives(u).size(), 8u);
  }
}

// With no taste, the share of the interactions that falls on the most popular items is Zipf's.
TEST(Generate, FollowsZipf) {
  GenerateOptions options;
  options.users = 20000;
  options.zipf = 0.8;
  options.taste = 0;
  options.jitter = 0;
  options.activity = 5;
  const Generated g(options);
  auto count = g.data.popularity;
  std::sort(count.rbegin(), count.rend());
  double top = 0, all = 0, want_top = 0, want_all = 0;
  for (std::size_t r = 0; r < count.size(); ++r) {
    const double zipf = std::pow(double(r + 1), -0.8);
    all += count[r];
    want_all += zipf;
    if (r < 100) {
      top += count[r];
      want_top += zipf;
    }
  }
  EXPECT_NEAR(top / all, want_top / want_all, 0.02);
}

// Each client's mean content lies nearest to the mean of its own group: the groups are there to be
// found.
TEST(Generate, PlantsGroups) {
  GenerateOptions options;
  options.modality_spread = 0;
  const Generated g(options);
  const auto L = g.latent.cols;
  Matrix<double> client(g.data.clients, L), group(options.groups, L);
  for (std::int64_t u = 0; u < g.data.clients; ++u) {
    for (const auto i : g.data.positives(u))
      for (std::int64_t k = 0; k < L; ++k)
        client(u, k) += double(g.latent(i, k)) / double(g.data.positives(u).size());
    for (std::int64_t k = 0; k < L; ++k) group(g.data.label[std::size_t(u)], k) += client(u, k);
  }
  const auto similarity = [&](std::int64_t u, std::int64_t l) {
    double dot = 0, square = 0;
    for (std::int64_t k = 0; k < L; ++k) {
      dot += client(u, k) * group(l, k);
      square += group(l, k) * group(l, k);
    }
    return dot / std::sqrt(square);
  };
  std::int64_t right = 0;
  std::set<std::int32_t> seen;
  for (std::int64_t u = 0; u < g.data.clients; ++u) {
    std::int32_t best = 0;
    for (std::int32_t l = 1; l < options.groups; ++l)
      if (similarity(u, l) > similarity(u, best)) best = l;
    right += best == g.data.label[std::size_t(u)];
    seen.insert(g.data.label[std::size_t(u)]);
  }
  EXPECT_EQ(std::int64_t(seen.size()), options.groups);
  EXPECT_GT(double(right) / double(g.data.clients), 0.85);  // chance: 0.2
}

// Correlation, over pairs of items, of the features' products with the contents' products in
// [first, last).
double agreement(const Matrix<float>& features, const Matrix<float>& latent, std::int64_t first,
                 std::int64_t last) {
  double sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0, n = 0;
  for (std::int64_t i = 0; i < 200; ++i)
    for (std::int64_t j = 0; j < i; ++j) {
      double x = 0, y = 0;
      for (std::int64_t k = 0; k < features.cols; ++k) x += double(features(i, k) * features(j, k));
      for (std::int64_t k = first; k < last; ++k) y += double(latent(i, k) * latent(j, k));
      sx += x;
      sy += y;
      sxx += x * x;
      syy += y * y;
      sxy += x * y;
      n += 1;
    }
  return (sxy - sx * sy / n) / std::sqrt((sxx - sx * sx / n) * (syy - sy * sy / n));
}

TEST(Generate, ShowsEachModalityItsPartOfTheContent) {
  GenerateOptions options;
  options.topic_share = 0;  // content without topics: its parts are independent
  const Generated g(options);
  const auto half = options.latent / 2, text_end = half + options.latent / 4;
  EXPECT_GT(agreement(g.data.text, g.latent, 0, text_end), 0.6);
  EXPECT_GT(agreement(g.data.image, g.latent, 0, half), 0.4);
  EXPECT_GT(agreement(g.data.image, g.latent, text_end, options.latent), 0.3);
  EXPECT_LT(std::abs(agreement(g.data.text, g.latent, text_end, options.latent)), 0.1);
  EXPECT_LT(std::abs(agreement(g.data.image, g.latent, half, text_end)), 0.1);
  for (std::int64_t i = 0; i < g.data.items; ++i) {
    double square = 0;
    for (std::int64_t k = 0; k < g.data.text.cols; ++k)
      square += double(g.data.text(i, k)) * double(g.data.text(i, k));
    EXPECT_NEAR(square, 1.0, 1e-5);
  }
}

TEST(Generate, ShufflesFeaturesAndNothingElse) {
  GenerateOptions options;
  const Generated real(options);
  options.shuffle_features = true;
  const Generated control(options);
  EXPECT_EQ(real.data.train, control.data.train);
  EXPECT_EQ(real.data.test, control.data.test);
  EXPECT_EQ(real.latent, control.latent);
  std::multiset<float> first, shuffled_first;
  for (std::int64_t i = 0; i < options.items; ++i) {
    first.insert(real.data.text(i, 0));
    shuffled_first.insert(control.data.text(i, 0));
  }
  EXPECT_EQ(first, shuffled_first);
  EXPECT_GT(agreement(real.data.text, real.latent, 0, options.latent), 0.5);
  EXPECT_LT(std::abs(agreement(control.data.text, control.latent, 0, options.latent)), 0.1);
}

TEST(Generate, LeavesModalitiesOut) {
  GenerateOptions options;
  options.missing = 0.3;
  options.dim_image = 0;
  const Generated g(options);
  EXPECT_EQ(g.data.image.cols, 0);
  std::int64_t missing = 0;
  for (std::int64_t i = 0; i < options.items; ++i) {
    const auto* row = g.data.text.row(i);
    const bool zero = std::all_of(row, row + g.data.text.cols, [](float x) { return x == 0; });
    EXPECT_EQ(zero, g.data.has_text[std::size_t(i)] == 0);
    missing += zero;
  }
  EXPECT_NEAR(double(missing) / double(options.items), 0.3, 0.05);
}

TEST(Generate, FollowsItsSeed) {
  GenerateOptions options;
  options.users = 100;
  const Generated a(options);
  options.seed = 1;
  const Generated b(options);
  EXPECT_NE(a.data.train, b.data.train);
  EXPECT_NE(a.data.text, b.data.text);
}

// Few items and peaked taste: the bounded search must still end with the promised counts.
TEST(Generate, EndsWhenItemsAreScarce) {
  GenerateOptions options;
  options.users = 60;
  options.items = 50;
  options.activity = 25;
  options.activity_min = 25;
  options.activity_max = 25;
  options.taste = 6;
  options.zipf = 2;
  options.jitter = 2;
  const Generated g(options);
  EXPECT_EQ(g.data.train_interactions, 60 * 23);
}

TEST(Generate, RefusesImpossibleValues) {
  const auto refuse = [](auto&& change, std::initializer_list<std::string_view> parts) {
    GenerateOptions options;
    options.out = "unused.h5";
    change(options);
    expect_input_error([&] { generate(options, Comm::world()); }, parts);
  };
  refuse([](auto& o) { o.users = 4; }, {"--groups 5", "4 users"});
  refuse([](auto& o) { o.groups = 0; }, {"--groups 0"});
  refuse(
      [](auto& o) {
        o.users = 0;
        o.groups = 0;
      },
      {"--users 0"});
  refuse(
      [](auto& o) {
        o.users = -3;
        o.groups = -4;
      },
      {"--users -3"});
  refuse([](auto& o) { o.items = 49; }, {"--items 49", "50"});
  refuse([](auto& o) { o.groups = 2001; }, {"--groups 2001", "2000 users"});
  refuse([](auto& o) { o.missing = 1.5; }, {"--missing 1.5"});
  refuse([](auto& o) { o.noise = NAN; }, {"--noise"});
  refuse([](auto& o) { o.activity_min = 2; }, {"--activity-min 2"});
  refuse([](auto& o) { o.activity = 4; }, {"--activity 4"});
  refuse([](auto& o) { o.activity_max = 4; }, {"--activity-max 4"});
  refuse([](auto& o) { o.latent = 2; }, {"--latent 2"});
  refuse([](auto& o) { o.out.clear(); }, {"--out"});
}

}  // namespace
}  // namespace fedfuse
