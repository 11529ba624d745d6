// Grouping as a whole: what is found, that it is found alike on any number of ranks and threads,
// and how groups are named.
#include <gtest/gtest.h>
#include <omp.h>

#include <numeric>

#include "core/error.hpp"
#include "server/grouping/agreement.hpp"
#include "server/grouping/kmeans.hpp"
#include "server/grouping/pca.hpp"
#include "server/grouping/sample.hpp"
#include "server/grouping/standardise.hpp"
#include "tests/server/grouping/grouping_data.hpp"
#include "tests/support/oracle.hpp"

namespace fedfuse {
namespace {

using test::group_all;
using test::planted_vectors;
using test::with;

double agreement(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b) {
  return adjusted_rand_index(a, b, Comm::self());
}

TEST(Grouping, FindsTheGoldenLabels) {
  FEDFUSE_REQUIRE_GOLDENS();
  const auto file = h5::File::open(test::goldens_path());
  const auto vectors = file.read_matrix<float>("grouping/in/vectors");
  const auto label = file.read_all<std::int32_t>("grouping/out/label");
  std::vector<std::int64_t> want;
  for (std::int32_t g = 0; std::ranges::count(label, g) > 0; ++g)
    want.push_back(std::ranges::count(label, g));
  std::ranges::sort(want);
  const auto groups = std::int64_t(want.size());
  ASSERT_GT(groups, 1);
  for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans})
    for (const double pca : {1.0, 0.9})
      for (const std::int64_t landmarks : {2048, 24}) {
        const auto found =
            group_all(with(groups, cluster, pca, landmarks), vectors, {}, Comm::world());
        EXPECT_EQ(agreement(found.group, {label.begin(), label.end()}), 1.0) << found.method;
        auto sizes = found.sizes;
        std::ranges::sort(sizes);
        EXPECT_EQ(sizes, want);
        EXPECT_EQ(found.components < vectors.cols, pca < 1.0);
      }
}

TEST(Grouping, SaysHow) {
  const auto data = planted_vectors(90, 12, 3, 0.1);
  EXPECT_EQ(group_all(with(3, ClusterMethod::spectral), data.vectors, {}, Comm::world()).method,
            "spectral on 90 participants");
  EXPECT_EQ(
      group_all(with(3, ClusterMethod::kmeans, 1.0, 40), data.vectors, {}, Comm::world()).method,
      "kmeans on 40 landmarks, nearest centre for 50");
}

// Vectors without structure: where the border lies depends on every bit.
TEST(Grouping, SameForAnyRanksAndThreads) {
  const auto data = planted_vectors(181, 33, 4, 3.0);
  const int threads = omp_get_max_threads();
  for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans})
    for (const double pca : {1.0, 0.7})
      for (const std::int64_t landmarks : {2048, 50}) {
        const auto config = with(5, cluster, pca, landmarks);
        const auto together = group_all(config, data.vectors, {}, Comm::world());
        omp_set_num_threads(1);
        const auto alone = group_all(config, data.vectors, {}, Comm::self());
        omp_set_num_threads(3);
        const auto threaded = group_all(config, data.vectors, {}, Comm::self());
        omp_set_num_threads(threads);
        EXPECT_EQ(together.group, alone.group) << together.method;
        EXPECT_EQ(together.group, threaded.group) << together.method;
        EXPECT_EQ(together.sizes, alone.sizes);
        EXPECT_EQ(together.method, alone.method);
        EXPECT_EQ(std::ranges::count(together.sizes, 0), 0);
      }
}

TEST(Grouping, ColumnScaleDoesNotDependOnRanks) {
  const auto data = planted_vectors(97, 20, 3, 1.0);
  std::vector<std::int32_t> all(97), own;
  std::iota(all.begin(), all.end(), 0);
  const auto comm = Comm::world();
  Matrix<float> rows(0, 20);
  for (const auto i : all)
    if (test::rank_of(i, comm.size()) == comm.rank()) {
      own.push_back(i);
      rows.values.insert(rows.values.end(), data.vectors.row(i), data.vectors.row(i) + 20);
      ++rows.rows;
    }
  const auto together = grouping::column_scale(rows, own, 20, 97, 1, comm),
             alone = grouping::column_scale(data.vectors, all, 20, 97, 1, Comm::self());
  EXPECT_EQ(together.mean, alone.mean);
  EXPECT_EQ(together.inverse_sd, alone.inverse_sd);
}

TEST(Grouping, KeepsNames) {
  const auto data = planted_vectors(60, 10, 4, 0.1);
  const auto config = with(4, ClusterMethod::spectral);
  const auto first = group_all(config, data.vectors, {}, Comm::world());
  EXPECT_EQ(first.moved, 0) << "nobody had a group before";
  std::int32_t next = 0;
  for (const auto g : first.group) {
    ASSERT_LE(g, next) << "the first names follow the clients";
    next = std::max(next, g + 1);
  }
  auto previous = first.group;
  for (auto& g : previous) g = (g + 3) % 4;
  previous[5] = -1;  // takes part for the first time
  const auto again = group_all(config, data.vectors, previous, Comm::world());
  EXPECT_EQ(again.moved, 0);
  for (std::size_t i = 0; i < previous.size(); ++i)
    EXPECT_TRUE(i == 5 || again.group[i] == previous[i]) << "client " << i;

  auto moved = data.vectors;  // client 8 takes over the head of client 0, of another group
  ASSERT_NE(data.label[8], data.label[0]);
  std::copy_n(data.vectors.row(0), 10, moved.row(8));
  const auto after = group_all(config, moved, again.group, Comm::world());
  EXPECT_EQ(after.moved, 1);
  EXPECT_EQ(after.group[8], again.group[0]);
}

TEST(Grouping, EqualVectorsAreSplitEvenly) {
  const Matrix<float> equal(23, 6, 0.25f);
  for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans})
    for (const std::int64_t landmarks : {2048, 16}) {
      const auto found = group_all(with(5, cluster, 0.95, landmarks), equal, {}, Comm::world());
      ASSERT_EQ(found.sizes.size(), 5u);
      for (const auto size : found.sizes) EXPECT_GE(size, 3);
      EXPECT_NE(found.method.find("all equal"), std::string::npos) << found.method;
    }
}

TEST(Grouping, NoGroupIsEmptyWhereVectorsCoincide) {
  Matrix<float> two(12, 3, 1.0f);  // two different vectors, one of them once
  two(7, 1) = 5.0f;
  for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans}) {
    const auto found = group_all(with(4, cluster), two, {}, Comm::world());
    EXPECT_EQ(std::accumulate(found.sizes.begin(), found.sizes.end(), std::int64_t(0)), 12);
    EXPECT_EQ(std::ranges::count(found.sizes, 0), 0) << cluster;
    EXPECT_EQ(found.sizes[std::size_t(found.group[7])], 1)
        << cluster << ": the one that differs is alone";
  }
  EXPECT_EQ(group_all(with(5, ClusterMethod::spectral), planted_vectors(3, 4, 3, 1).vectors, {},
                      Comm::world())
                .sizes.size(),
            3u)
      << "never more groups than participants";
  EXPECT_EQ(
      group_all(with(5, ClusterMethod::spectral), Matrix<float>(0, 4), {}, Comm::world()).sizes,
      std::vector<std::int64_t>(5, 0));
}

TEST(Grouping, RefusesVectorsThatAreNotFinite) {
  auto data = planted_vectors(20, 4, 2, 1.0);
  data.vectors(11, 2) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW((void)group_all(with(2, ClusterMethod::spectral), data.vectors, {}, Comm::world()),
               InputError);
}

// Landmarks: everyone else goes to the nearest centre, in the space that was clustered.
TEST(Grouping, NearestCentreAgainstNaive) {
  constexpr std::int64_t n = 150, p = 17;
  const auto data = planted_vectors(n, p, 4, 2.0);
  std::vector<std::int32_t> ids(n);
  std::iota(ids.begin(), ids.end(), 0);
  for (const double share : {1.0, 0.6}) {
    const auto config = with(4, ClusterMethod::kmeans, share, 60);
    const auto found = group_all(config, data.vectors, {}, Comm::world());
    const auto sample = grouping::choose_sample(ids, n, 60, config.federation.seed, Comm::self());
    ASSERT_EQ(sample.size(), 60u);
    const auto z = grouping::standardise(
        data.vectors, grouping::column_scale(data.vectors, ids, p, n, 1, Comm::self()));
    grouping::Points marks(60, p);
    std::vector<std::int32_t> group;
    for (std::size_t i = 0; i < 60; ++i) {
      marks.row(std::int64_t(i)) = z.row(sample[i]);
      group.push_back(found.group[std::size_t(sample[i])]);
    }
    Eigen::MatrixXd directions = Eigen::MatrixXd::Identity(p, p);
    if (share < 1)
      directions = grouping::principal_components(marks, share,
                                                  Rng(config.federation.seed, Purpose::grouping))
                       .directions;
    EXPECT_EQ(found.components, directions.cols());
    const grouping::Points centres = grouping::group_means(marks * directions, group, 4);
    for (const auto i : ids) {
      if (std::ranges::binary_search(sample, i)) continue;
      Eigen::Index nearest = 0;
      (centres.rowwise() - z.row(i) * directions).rowwise().squaredNorm().minCoeff(&nearest);
      EXPECT_EQ(found.group[std::size_t(i)], nearest) << "client " << i;
    }
  }
}

TEST(Grouping, ChoosesThePlantedNumber) {
  for (const std::int64_t groups : {3, 5, 6}) {
    const auto data = planted_vectors(150, 40, groups, 0.4, std::uint64_t(groups));
    for (const auto cluster : {ClusterMethod::spectral, ClusterMethod::kmeans})
      for (const auto by : {GroupsBy::eigengap, GroupsBy::silhouette}) {
        auto config = with(2, cluster);
        config.gfmfr.groups_min = 2;
        config.gfmfr.groups_max = 9;
        config.gfmfr.groups_by = by;
        const auto found = group_all(config, data.vectors, {}, Comm::world());
        EXPECT_EQ(std::int64_t(found.sizes.size()), groups) << cluster << " by " << by;
        EXPECT_EQ(agreement(found.group, data.label), 1.0);
        EXPECT_NE(found.method.find(name_of(by)), std::string::npos);
      }
  }
}

TEST(Grouping, RandomIsFixedAndBalanced) {
  auto config = with(4, ClusterMethod::spectral);
  config.gfmfr.group_by = GroupBy::random;
  const auto all = group_all(config, Matrix<float>(82, 0), {}, Comm::world());
  ASSERT_EQ(all.sizes.size(), 4u);
  for (const auto size : all.sizes) EXPECT_NEAR(double(size), 20.5, 1.0);
  const auto some = group_all(config, Matrix<float>(31, 0), {}, Comm::world());
  EXPECT_TRUE(std::equal(some.group.begin(), some.group.end(), all.group.begin()))
      << "whoever else takes part";
  std::vector<std::int32_t> position(82);
  for (std::size_t i = 0; i < 82; ++i) position[i] = std::int32_t(i % 4);
  EXPECT_LT(agreement(all.group, position), 0.2) << "the order is drawn";
  config.federation.seed = 1;
  EXPECT_NE(group_all(config, Matrix<float>(82, 0), {}, Comm::world()).group, all.group);
}

TEST(Grouping, LabelsAreGroups) {
  auto config = with(3, ClusterMethod::spectral);
  config.gfmfr.group_by = GroupBy::labels;
  const Matrix<float> none(8, 0);
  const auto dense = group_all(config, none, {}, Comm::world(), {40, 7, 7, 9, 40, 9, 9, 9});
  EXPECT_EQ(dense.group, (std::vector<std::int32_t>{2, 0, 0, 1, 2, 1, 1, 1}));
  EXPECT_EQ(dense.sizes, (std::vector<std::int64_t>{2, 4, 2}));
  EXPECT_THROW((void)group_all(config, none, {}, Comm::world(), {0, 1, 2, 3, 0, 1, 2, 3}),
               InputError)
      << "four labels, three groups";
  EXPECT_THROW((void)group_all(config, none, {}, Comm::world(), {0, 1, 2, -1, 0, 1, 2, 0}),
               InputError)
      << "one has no label";
  EXPECT_THROW((void)group_all(config, none, {}, Comm::world()), InputError) << "no labels at all";
  config.federation.fraction = 0.5;
  const auto part = group_all(config, none, {}, Comm::world(), {0, 2, 2, 0, 2, 2, 2, 0});
  EXPECT_EQ(part.group, (std::vector<std::int32_t>{0, 2, 2, 0, 2, 2, 2, 0}))
      << "group 1 is absent this time, not renamed";
  EXPECT_EQ(part.sizes, (std::vector<std::int64_t>{3, 0, 5}));
  EXPECT_THROW((void)group_all(config, none, {}, Comm::world(), {0, 1, 7, 3, 0, 1, 2, 3}),
               InputError);
}

}  // namespace
}  // namespace fedfuse
