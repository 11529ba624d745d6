// The pieces of grouping, each against a naive form.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <algorithm>
#include <numeric>

#include "server/grouping/affinity.hpp"
#include "server/grouping/agreement.hpp"
#include "server/grouping/assignment.hpp"
#include "server/grouping/kmeans.hpp"
#include "server/grouping/pca.hpp"
#include "server/grouping/sample.hpp"
#include "server/grouping/scores.hpp"
#include "server/grouping/spectral.hpp"
#include "server/grouping/standardise.hpp"
#include "tests/server/grouping/grouping_data.hpp"
#include "tests/support/oracle.hpp"

namespace fedfuse::grouping {
namespace {

const Rng rng(4, Purpose::grouping);

Points points_of(const Matrix<float>& m) {
  Points points(m.rows, m.cols);
  for (std::int64_t i = 0; i < m.rows; ++i)
    for (std::int64_t j = 0; j < m.cols; ++j) points(i, j) = double(m(i, j));
  return points;
}

TEST(Standardise, MeansZeroVarianceOneConstantsZero) {
  auto data = test::planted_vectors(300, 5, 3, 1.0).vectors;
  for (std::int64_t i = 0; i < 300; ++i) {
    data(i, 1) = 3.5f;
    data(i, 2) = 1e4f + 1e-2f * float(i);
    data(i, 3) = i == 7 ? 1e-30f : 0.0f;
  }
  std::vector<std::int32_t> ids(300);
  std::iota(ids.begin(), ids.end(), 0);
  const auto z = standardise(data, column_scale(data, ids, 5, 300, 1, Comm::self()));
  for (const int j : {0, 2, 3, 4}) {
    EXPECT_NEAR(z.col(j).mean(), 0.0, 1e-9) << j;
    EXPECT_NEAR(z.col(j).squaredNorm() / 300, 1.0, 1e-9) << j;
  }
  EXPECT_TRUE((z.col(1).array() == 0.0).all());
}

// What the oracle found on the way to its groups; older files have only the groups.
TEST(Standardise, ColumnsAndAffinityOfTheGoldens) {
  FEDFUSE_REQUIRE_GOLDENS();
  const auto file = h5::File::open(test::goldens_path());
  if (!file.has("grouping/out/mean")) return;
  const auto vectors = file.read_matrix<float>("grouping/in/vectors");
  std::vector<std::int32_t> ids(std::size_t(vectors.rows));
  std::iota(ids.begin(), ids.end(), 0);
  const auto scale = column_scale(vectors, ids, vectors.cols, vectors.rows, 1, Comm::self());
  const auto mean = file.read_all<double>("grouping/out/mean"),
             inverse_sd = file.read_all<double>("grouping/out/inverse_sd");
  ASSERT_EQ(scale.mean.size(), mean.size());
  for (std::size_t j = 0; j < mean.size(); ++j) {
    EXPECT_NEAR(scale.mean[j], mean[j], 1e-9) << j;
    EXPECT_NEAR(scale.inverse_sd[j], inverse_sd[j], 1e-9 * inverse_sd[j]) << j;
  }
  auto matrix = squared_distances(standardise(vectors, scale));
  const double median = median_distance(matrix, rng);
  EXPECT_NEAR(median, file.read_all<double>("grouping/out/median_distance")[0], 1e-9 * median);
  to_normalised_affinity(matrix, median);
  const auto values = file.read_all<double>("grouping/out/eigenvalues");
  const auto found = leading_eigenpairs(matrix, std::int64_t(values.size()), rng);
  for (std::size_t k = 0; k < values.size(); ++k)
    EXPECT_NEAR(found.values(Eigen::Index(k)), values[k], 1e-7) << k;
}

TEST(Sample, SameLandmarksForAnyRanks) {
  const auto comm = Comm::world();
  std::vector<std::int32_t> all(500), own;
  std::iota(all.begin(), all.end(), 0);
  for (const auto i : all)
    if (test::rank_of(i, comm.size()) == comm.rank()) own.push_back(i);
  const auto alone = choose_sample(all, 500, 64, 9, Comm::self());
  EXPECT_EQ(choose_sample(own, 500, 64, 9, comm), alone);
  EXPECT_EQ(alone.size(), 64u);
  EXPECT_NE(choose_sample(all, 500, 64, 10, Comm::self()), alone) << "another seed draws others";
  EXPECT_EQ(choose_sample(own, 500, 500, 9, comm), all);
  Matrix<float> rows(std::int64_t(own.size()), 2);
  for (std::size_t i = 0; i < own.size(); ++i) {
    rows(std::int64_t(i), 0) = float(own[i]);
    rows(std::int64_t(i), 1) = -1.0f;
  }
  const auto gathered = gather_sample(rows, own, alone, 2, comm);
  ASSERT_EQ(gathered.rows, comm.root() ? 64 : 0);
  for (std::int64_t i = 0; i < gathered.rows; ++i)
    EXPECT_EQ(gathered(i, 0), float(alone[std::size_t(i)]));
}

// Tall, wide (both exact), and large enough for the range finder.
TEST(Pca, AgainstAFullDecomposition) {
  for (const auto& [n, p] : {std::pair{80, 12}, std::pair{60, 400}, std::pair{560, 530}}) {
    const Points x = points_of(test::planted_vectors(n, p, 7, 0.1).vectors);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> full(Eigen::MatrixXd(x.transpose() * x) /
                                                              n);
    const Eigen::VectorXd variance = full.eigenvalues().reverse();
    for (const double share : {0.3, 0.8, 0.95}) {
      std::int64_t needed = 0;
      for (double held = 0; held < share * variance.sum(); ++needed) held += variance(needed);
      const auto found = principal_components(x, share, rng);
      ASSERT_EQ(found.directions.cols(), needed) << n << " x " << p << ", " << share;
      const Eigen::MatrixXd v = full.eigenvectors().rowwise().reverse().leftCols(needed);
      for (std::int64_t j = 0; j < needed; ++j)
        EXPECT_NEAR(found.variance(j), variance(j), 1e-6 * variance(0));
      EXPECT_LT((found.directions.transpose() * found.directions -
                 Eigen::MatrixXd::Identity(needed, needed))
                    .norm(),
                1e-6);
      EXPECT_NEAR((x * found.directions).squaredNorm(), (x * v).squaredNorm(),
                  1e-6 * x.squaredNorm());
      EXPECT_NEAR(found.share, variance.head(needed).sum() / variance.sum(), 1e-6);
    }
  }
}

TEST(Pca, TheRangeFinderStopsAt128) {
  // noise: every direction counts
  const Points x = points_of(test::planted_vectors(540, 530, 3, 50.0).vectors);
  const auto found = principal_components(x, 0.95, rng);
  EXPECT_EQ(found.directions.cols(), most_components);
  const double held = (x * found.directions).squaredNorm() / x.squaredNorm();
  EXPECT_LE(found.share, held + 1e-12) << "Q^T X V is at most X V";
  EXPECT_NEAR(found.share, held, 0.02);
  EXPECT_LT(found.share, 0.9);
  EXPECT_LT((found.directions.transpose() * found.directions - Eigen::MatrixXd::Identity(128, 128))
                .norm(),
            1e-6);
}

TEST(Affinity, MedianAndGraphAgainstNaive) {
  const Points x = points_of(test::planted_vectors(151, 9, 3, 1.0).vectors);
  auto s = squared_distances(x);
  std::vector<double> distances;
  for (std::int64_t i = 0; i < 151; ++i)
    for (std::int64_t j = 0; j < 151; ++j) {
      ASSERT_NEAR(s(i, j), (x.row(i) - x.row(j)).squaredNorm(), 1e-10);
      if (j < i) distances.push_back((x.row(i) - x.row(j)).norm());
    }
  std::ranges::sort(distances);
  const double median = distances[distances.size() / 2];  // an odd number of pairs
  ASSERT_EQ(distances.size() % 2, 1u);
  EXPECT_NEAR(median_distance(s, rng), median, 1e-10);
  const Eigen::MatrixXd a = (-s.array() / (2 * median * median)).exp();
  const Eigen::VectorXd degree = a.rowwise().sum();
  to_normalised_affinity(s, median);
  for (std::int64_t i = 0; i < 151; ++i)
    for (std::int64_t j = 0; j < 151; ++j)
      ASSERT_NEAR(s(i, j), a(i, j) / std::sqrt(degree(i) * degree(j)), 1e-12);
}

TEST(Spectral, LeadingPairsAgainstDense) {
  auto s = squared_distances(points_of(test::planted_vectors(400, 20, 4, 0.8).vectors));
  to_normalised_affinity(s, median_distance(s, rng));
  const auto found = leading_eigenpairs(s, 5, rng);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(s);
  EXPECT_NEAR(found.values(0), 1.0, 1e-9);
  for (std::int64_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(found.values(k), eigen.eigenvalues()(399 - k), 1e-8);
    EXPECT_LT((s * found.vectors.col(k) - found.values(k) * found.vectors.col(k)).norm(),
              1e-5 * found.values(k));
  }
  EXPECT_LT((found.vectors.transpose() * found.vectors - Eigen::MatrixXd::Identity(5, 5)).norm(),
            1e-9);
}

TEST(KMeans, ReachesTheBestPartitionOfAFewPoints) {
  const Points x = points_of(test::planted_vectors(10, 2, 3, 0.8).vectors);
  double best = 1e300;
  std::vector<std::int32_t> group(10, 0);
  for (int code = 0; code < 59049; ++code) {  // all 3^10 partitions
    for (int i = 0, c = code; i < 10; ++i, c /= 3) group[std::size_t(i)] = c % 3;
    const auto means = group_means(x, group, 3);
    double inertia = 0;
    for (int i = 0; i < 10; ++i)
      inertia += (x.row(i) - means.row(group[std::size_t(i)])).squaredNorm();
    best = std::min(best, inertia);
  }
  const auto found = kmeans(x, 3, rng);
  EXPECT_NEAR(found.inertia, best, 1e-9);
  EXPECT_LT((found.centres - group_means(x, found.group, 3)).norm(), 1e-12);
}

TEST(Scores, SilhouetteAgainstNaive) {
  const auto data = test::planted_vectors(40, 6, 3, 1.0);
  const Points x = points_of(data.vectors);
  auto group = data.label;
  group[4] = 3;  // alone: counts 0
  double sum = 0;
  for (int i = 0; i < 40; ++i) {
    std::vector<double> total(4, 0), size(4, 0);
    for (int j = 0; j < 40; ++j)
      if (j != i) {
        total[std::size_t(group[std::size_t(j)])] += (x.row(i) - x.row(j)).norm();
        size[std::size_t(group[std::size_t(j)])] += 1;
      }
    const auto own = std::size_t(group[std::size_t(i)]);
    if (size[own] == 0) continue;
    double other = 1e300;
    for (std::size_t g = 0; g < 4; ++g)
      if (g != own) other = std::min(other, total[g] / size[g]);
    const double inner = total[own] / size[own];
    sum += (other - inner) / std::max(inner, other);
  }
  EXPECT_NEAR(Silhouette(x, rng).score(group, 4), sum / 40, 1e-9);
}

TEST(Scores, EigengapTakesTheLargestRelativeGap) {
  const Eigen::VectorXd values =
      (Eigen::VectorXd(6) << 1.0, 0.30, 0.12, 0.10, 0.004, 0.003).finished();
  EXPECT_EQ(groups_by_eigengap(values, 2, 5, 500), 4);
  EXPECT_EQ(groups_by_eigengap(values, 2, 3, 500), 2);
}

TEST(Assignment, AgainstAllPermutations) {
  const Rng draws(2, Purpose::test);
  for (std::uint32_t trial = 0; trial < 300; ++trial) {
    const std::int64_t n = 1 + trial % 6;
    Matrix<std::int64_t> gain(n, n);
    for (std::size_t k = 0; k < gain.size(); ++k)
      gain.values[k] = std::int64_t(draws.words(k, trial, 0)[0] %
                                    (trial % 2 == 0 ? 4 : 1000));  // with ties, without
    std::vector<std::int32_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    const auto total = [&](const std::vector<std::int32_t>& c) {
      std::int64_t sum = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += gain(i, c[std::size_t(i)]);
      return sum;
    };
    std::int64_t best = -1;
    do best = std::max(best, total(order));
    while (std::ranges::next_permutation(order).found);
    auto found = best_assignment(gain);
    EXPECT_EQ(total(found), best);
    std::ranges::sort(found);
    std::iota(order.begin(), order.end(), 0);
    EXPECT_EQ(found, order);
  }
}

TEST(Agreement, KnownValues) {
  const auto comm = Comm::world();
  using Labels = std::vector<std::int32_t>;
  const auto ari = [&](const Labels& a, const Labels& b) {
    Labels own_a, own_b;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (test::rank_of(std::int64_t(i), comm.size()) == comm.rank()) {
        own_a.push_back(a[i]);
        own_b.push_back(b[i]);
      }
    return adjusted_rand_index(own_a, own_b, comm);
  };
  EXPECT_DOUBLE_EQ(ari({0, 0, 1, 1}, {1, 1, 0, 0}), 1.0);
  EXPECT_DOUBLE_EQ(ari({0, 0, 1, 1}, {0, 0, 1, 2}), 4.0 / 7.0);
  EXPECT_DOUBLE_EQ(ari({0, 0, 0, 0}, {0, 1, 2, 3}), 0.0);
  EXPECT_DOUBLE_EQ(ari({0, 0, 1, 1}, {0, 1, 0, 1}), -0.5);
  EXPECT_DOUBLE_EQ(ari({3, 3, 3}, {500000, 500000, 500000}), 1.0);
  EXPECT_DOUBLE_EQ(ari({0, 0, 1, 1, -1, 5}, {0, 0, 1, 2, 7, -1}), 4.0 / 7.0);
  EXPECT_TRUE(std::isnan(ari({-1}, {2}))) << "nobody has both";
  EXPECT_TRUE(std::isnan(ari({}, {}))) << "nobody at all";
  // Hubert and Arabie's formula by hand for the table [[5,1],[1,4],[0,4]]: (22 - 6765/105) / ... of
  // 15 clients.
  const double together = 10 + 6 + 6, a = 15 + 10 + 6, b = 15 + 36, expected = a * b / 105;
  EXPECT_DOUBLE_EQ(ari({0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2},
                       {0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1}),
                   (together - expected) / (0.5 * (a + b) - expected));
}

}  // namespace
}  // namespace fedfuse::grouping
