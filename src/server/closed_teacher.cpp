#include "server/closed_teacher.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/rows.hpp"
#include "core/text.hpp"
#include "kernels/views/exact_sum.hpp"
#include "server/closed_features.hpp"
#include "server/server_diverged.hpp"

namespace fedfuse {
namespace {

using Dense = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Factor = Eigen::LLT<Eigen::MatrixXd>;
using views::ExactSum;

static_assert(ClosedFeatures::block_items == RowSplit::usual_block);

Eigen::Map<const Dense> as_dense(const Matrix<double>& m) { return {m.data(), m.rows, m.cols}; }

bool fewer_items(ClosedForm form, std::int64_t items, std::int64_t width) {
  return form == ClosedForm::items || (form == ClosedForm::smaller && items <= width);
}

// (K + r I), factorised. InputError: not positive definite.
Factor factorised(Eigen::MatrixXd K, double r, double ridge) {
  K.diagonal().array() += r;
  Factor factor(K);
  if (factor.info() != Eigen::Success)
    throw InputError(cat("--teacher-ridge ", ridge),
                     "the equations of the closed teacher are singular", "use a larger ridge");
  return factor;
}

}  // namespace

struct ClosedTeacher::Impl {
  std::int64_t items, width;
  double ridge;
  bool by_items;
  RowSplit mine;
  ClosedFeatures features;
  Factor factor;             // of X^T X / M + r I, on rank 0
  Eigen::MatrixXd smooth;    // S, on rank 0, by items
  mutable double flops = 0;  // of smooth()

  Impl(const Config& config, const Dataset& data, const Comm& comm, ClosedForm form)
      : items(data.items),
        width(ClosedFeatures::width(config, data)),
        ridge(config.gfmfr.teacher.ridge),
        by_items(fewer_items(form, items, width)),
        mine(items, comm),
        features(config, data, by_items ? 0 : mine.my_first(), count_kept(comm)) {}

  // By items rank 0 holds all of X, and no other rank any.
  [[nodiscard]] std::int64_t count_kept(const Comm& comm) const {
    if (!by_items) return mine.my_rows();
    return comm.root() ? items : 0;
  }
  [[nodiscard]] Dense rows(std::int64_t first, std::int64_t count) const {
    Dense X(count, width);
    features.rows(first, count, X.data());
    return X;
  }
  // The sum over all items of a product of each block, n numbers; the same on every rank.
  template <class Product>
  [[nodiscard]] std::vector<double> sum_over_blocks(std::size_t n, const Comm& comm,
                                                    const Product& product) const;
  void prepare_by_features(const Comm& comm);
  void prepare_by_items();
  void smooth_by_features(const Matrix<double>& scores, const Comm& comm, Matrix<double>& to) const;
};

template <class Product>
std::vector<double> ClosedTeacher::Impl::sum_over_blocks(std::size_t n, const Comm& comm,
                                                         const Product& product) const {
  ExactSum sum(n);
  bool fits = true;
  for (auto b = mine.begin; b < mine.end; ++b) {
    const Dense part = product(rows(mine.block_first(b), mine.block_rows(b)), mine.block_first(b));
    fits = sum.add(std::span(part.data(), n)) && fits;
  }
  sum.reduce(comm);
  if (comm.max(std::int64_t(fits ? 0 : 1)) != 0)
    throw ServerDiverged("the closed teacher", "a sum over the items is not finite or too large",
                         "lower --lr or --lr-items");
  std::vector<double> total(n);
  sum.decode(std::span(total), 1.0 / double(items));
  return total;
}

void ClosedTeacher::Impl::prepare_by_features(const Comm& comm) {
  const auto n = std::size_t(width * width);
  const auto gram = sum_over_blocks(
      n, comm, [](const Dense& X, std::int64_t) -> Dense { return X.transpose() * X; });
  comm.on_root([&] {
    const Eigen::MatrixXd K = Eigen::Map<const Eigen::MatrixXd>(gram.data(), width, width);
    factor = factorised(K, ridge * K.trace() / double(width), ridge);
  });
}

// S = K (K + r I)^-1 with K = X X^T / M; K and X^T X / M have one trace.
void ClosedTeacher::Impl::prepare_by_items() {
  const Dense X = rows(0, items);
  const Eigen::MatrixXd K = X * X.transpose() / double(items);
  smooth = factorised(K, ridge * K.trace() / double(width), ridge).solve(K).transpose();
}

void ClosedTeacher::Impl::smooth_by_features(const Matrix<double>& scores, const Comm& comm,
                                             Matrix<double>& to) const {
  const auto groups = scores.cols;
  auto beta = sum_over_blocks(std::size_t(width * groups), comm,
                              [&](const Dense& X, std::int64_t first) -> Dense {
                                return X.transpose() * as_dense(scores).middleRows(first, X.rows());
                              });
  comm.on_root([&] {
    Eigen::Map<Dense> solved(beta.data(), width, groups);
    solved = factor.solve(Eigen::MatrixXd(solved));
  });
  comm.broadcast(std::span(beta));
  const Eigen::Map<const Dense> weights(beta.data(), width, groups);
  Dense own(mine.my_rows(), groups);
  for (auto b = mine.begin; b < mine.end; ++b)
    own.middleRows(mine.block_first(b) - mine.my_first(), mine.block_rows(b)) =
        rows(mine.block_first(b), mine.block_rows(b)) * weights;
  const double W = double(width), G = double(groups);
  flops += 4 * double(mine.my_rows()) * W * G + (comm.root() ? 2 * W * W * G : 0);
  const auto all =
      comm.all_gather<double>(std::span<const double>(own.data(), std::size_t(own.size())));
  std::ranges::copy(all, to.values.begin());
}

ClosedTeacher::ClosedTeacher(const Config& config, const Dataset& data, const Comm& comm,
                             ClosedForm form)
    : impl_(std::make_unique<Impl>(config, data, comm, form)) {
  if (impl_->by_items)
    comm.on_root([&] { impl_->prepare_by_items(); });
  else
    impl_->prepare_by_features(comm);
}

ClosedTeacher::~ClosedTeacher() = default;

Matrix<double> ClosedTeacher::smooth(const Matrix<double>& scores, const Comm& comm) const {
  Matrix<double> smooth(scores.rows, scores.cols);
  if (!impl_->by_items) {
    impl_->smooth_by_features(scores, comm, smooth);
    return smooth;
  }
  if (comm.root()) {
    Eigen::Map<Dense>(smooth.data(), smooth.rows, smooth.cols) = impl_->smooth * as_dense(scores);
    impl_->flops += 2 * double(scores.rows) * double(scores.rows) * double(scores.cols);
  }
  comm.broadcast(smooth.span());
  return smooth;
}

ServerTeacher::Taught ClosedTeacher::teach(const GroupSums& sums, const GlobalModel& global,
                                           std::int64_t, const Comm& comm, const Stop& stop) {
  comm.together([&] {
    if (is_asked(stop)) throw Stopped();
  });
  const auto scores = sums.scores(global, comm);
  const auto biases = sums.last_biases(global);
  const auto smooth = this->smooth(scores, comm);
  Taught taught{.preferences = Matrix<float>(scores.cols, scores.rows)};
  for (std::int64_t i = 0; i < scores.rows; ++i)
    for (std::int64_t l = 0; l < scores.cols; ++l) {
      const double missed = smooth(i, l) - scores(i, l);
      taught.loss += missed * missed;
      taught.preferences(l, i) =
          float(1.0 / (1.0 + std::exp(-smooth(i, l) - double(biases[std::size_t(l)]))));
    }
  taught.loss /= double(scores.size());
  return taught;
}

std::int64_t ClosedTeacher::flop() const { return std::llround(impl_->flops); }

double ClosedTeacher::bytes(const Config& config, const Dataset& data) {
  const double width = double(ClosedFeatures::width(config, data)), items = double(data.items);
  const double hidden = double(config.gfmfr.teacher.hidden) * 4;
  if (fewer_items(ClosedForm::smaller, data.items, std::int64_t(width)))
    return items * (hidden + 8 * (width + 3 * items));
  return items * hidden + width * width * 8 * 5;
}

}  // namespace fedfuse
