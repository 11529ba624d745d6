// The closed teacher against its definition in full: tables, ridge regression, last layer (R14).
#include "server/closed_teacher.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <Eigen/Dense>
#include <cmath>

#include "core/error.hpp"
#include "server/closed_features.hpp"
#include "tests/server/planted_teacher.hpp"

namespace fedfuse {
namespace {

using test::Planted;
using Wide = Eigen::MatrixXd;

Matrix<double> random_scores(std::int64_t items, std::int64_t groups) {
  const Rng rng(3, Purpose::test);
  Matrix<double> scores(items, groups);
  for (std::int64_t i = 0; i < items; ++i)
    for (std::int64_t l = 0; l < groups; ++l)
      scores(i, l) = rng.normal(std::uint64_t(i), std::uint32_t(l), 0);
  return scores;
}

Planted small_planted(std::size_t items, std::int64_t hidden, double ridge) {
  Planted planted(items);
  planted.config.gfmfr.teacher.solver = TeacherSolver::closed;
  planted.config.gfmfr.teacher.hidden = hidden;
  planted.config.gfmfr.teacher.ridge = ridge;
  return planted;
}

// x of every item, from the formula alone.
Wide naive_features(const Planted& planted) {
  const auto& data = planted.data;
  const auto F = data.text.cols + data.image.cols, K = planted.config.gfmfr.teacher.hidden;
  Wide E = Wide::Zero(data.items, F);
  for (std::int64_t i = 0; i < data.items; ++i)
    for (std::int64_t k = 0; k < F; ++k) {
      const bool text = k < data.text.cols;
      const auto& has = text ? data.has_text : data.has_image;
      if (has[std::size_t(i)] != 0)
        E(i, k) = double(text ? data.text(i, k) : data.image(i, k - data.text.cols));
    }
  E /= std::sqrt(E.squaredNorm() / double(data.items));
  Wide omega(F, K);
  const Rng rng(planted.config.federation.seed, Purpose::closed_teacher);
  for (std::int64_t h = 0; h < K; ++h)
    for (std::int64_t k = 0; k < F; ++k)
      omega(k, h) = double(float(rng.normal(std::uint64_t(h), 0, std::uint32_t(k))));
  Wide X(data.items, F + 1 + K);
  X.leftCols(F) = E;
  X.col(F).setOnes();
  X.rightCols(K) = (E * omega).cwiseMax(0.0);
  return X;
}

// What the ridge regression of targets (M x n) predicts.
Wide ridge_fit(const Wide& X, const Wide& targets, double ridge) {
  const double M = double(X.rows());
  Wide A = X.transpose() * X / M;
  A.diagonal().array() += ridge * A.trace() / double(A.rows());
  return X * A.ldlt().solve(X.transpose() * targets / M);
}

double largest_difference(const Matrix<double>& a, const Wide& b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t l = 0; l < a.cols; ++l)
      largest = std::max(largest, std::abs(a(i, l) - b(i, l)));
  return largest;
}

TEST(ClosedTeacher, IsTheRidgeRegressionOfTheDefinition) {
  for (const std::int64_t items : {60, 700}) {
    const auto planted = small_planted(std::size_t(items), 40, 1e-2);
    const auto comm = Comm::world();
    const auto scores = random_scores(items, 3);
    const Wide wanted = ridge_fit(
        naive_features(planted),
        Eigen::Map<const Eigen::Matrix<double, -1, -1, Eigen::RowMajor>>(scores.data(), items, 3),
        1e-2);
    for (const auto form : {ClosedForm::features, ClosedForm::items}) {
      const ClosedTeacher teacher(planted.config, planted.data, comm, form);
      EXPECT_LT(largest_difference(teacher.smooth(scores, comm), wanted), 2e-5) << items;
    }
  }
}

TEST(ClosedTeacher, OneNumberAnItemGivesWhatTheWholeTablesGive) {  // R14
  const auto planted = small_planted(300, 32, 1e-3);
  const auto comm = Comm::world();
  const std::int64_t d = planted.config.model.dim;
  const Wide X = naive_features(planted);
  Matrix<double> scores(300, 3);
  Wide wanted(300, 3);
  for (std::int64_t l = 0; l < 3; ++l) {
    Wide C(300, d);
    Eigen::VectorXd w(d);
    for (std::int64_t k = 0; k < d; ++k) w(k) = 0.3 * double(k) - double(l);
    for (std::int64_t i = 0; i < 300; ++i)
      for (std::int64_t k = 0; k < d; ++k) C(i, k) = double(planted.targets[std::size_t(l)](i, k));
    wanted.col(l) = ridge_fit(X, C, 1e-3) * w;
    const Eigen::VectorXd s = C * w;
    for (std::int64_t i = 0; i < 300; ++i) scores(i, l) = s(i);
  }
  const ClosedTeacher teacher(planted.config, planted.data, comm);
  EXPECT_LT(largest_difference(teacher.smooth(scores, comm), wanted),
            2e-5 * wanted.cwiseAbs().maxCoeff());
}

TEST(ClosedTeacher, SameBitsForAnyRanksAndThreads) {
  const auto planted = small_planted(900, 24, 1e-2);
  const auto scores = random_scores(900, 4);
  for (const auto form : {ClosedForm::features, ClosedForm::items}) {
    omp_set_num_threads(1);
    const ClosedTeacher alone(planted.config, planted.data, Comm::self(), form);
    const auto wanted = alone.smooth(scores, Comm::self());
    omp_set_num_threads(2);
    const ClosedTeacher shared(planted.config, planted.data, Comm::world(), form);
    EXPECT_TRUE(shared.smooth(scores, Comm::world()) == wanted);
  }
}

TEST(ClosedTeacher, WithoutFeaturesEveryItemGetsTheMean) {
  auto planted = small_planted(300, 16, 0.0);
  planted.data.text = {};
  planted.data.image = {};
  planted.data.has_text.clear();
  planted.data.has_image.clear();
  const auto comm = Comm::world();
  const auto scores = random_scores(300, 1);
  double mean = 0;
  for (const double s : scores.values) mean += s / 300;
  const auto smooth = ClosedTeacher(planted.config, planted.data, comm).smooth(scores, comm);
  for (std::int64_t i = 0; i < 300; ++i) EXPECT_NEAR(smooth(i, 0), mean, 1e-9);
}

TEST(ClosedTeacher, RefusesSingularEquations) {
  auto planted = small_planted(300, 0, 0.0);
  for (std::int64_t i = 0; i < planted.data.text.rows; ++i)
    planted.data.text(i, 1) = planted.data.text(i, 0);  // one column twice
  EXPECT_THROW(ClosedTeacher(planted.config, planted.data, Comm::world(), ClosedForm::features),
               InputError);
}

}  // namespace
}  // namespace fedfuse
