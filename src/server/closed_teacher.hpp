#pragma once
// --teacher-solver closed (models.md section 3; ours, not in the paper). A ridge regression of the
// groups' tables on fixed features has a closed form that is linear in its targets, so the
// preferences need one number an item and group (restructuring.md R14):
//
//   pref_l = sigmoid( S s_l + b_l ),   s_l[i] = w_l . C_l[i],   S = X (X^T X / M + r I)^-1 X^T / M
//
// r = --teacher-ridge times the mean of the diagonal of X^T X / M.
#include <memory>

#include "core/comm.hpp"
#include "core/config.hpp"
#include "data/dataset.hpp"
#include "server/server_teacher.hpp"

namespace fedfuse {

// F' x F' equations; or M x M ones, which are fewer where M <= F'. They agree within rounding.
enum class ClosedForm { smaller, features, items };

class ClosedTeacher final : public ServerTeacher {
 public:
  // data must outlive it. Collective: the Gram matrix is summed over the ranks' items, and
  // factorised on rank 0. InputError: it is singular within rounding.
  ClosedTeacher(const Config& config, const Dataset& data, const Comm& comm,
                ClosedForm form = ClosedForm::smaller);
  ~ClosedTeacher() override;

  [[nodiscard]] bool reads_own_rows() const override { return true; }
  // The loss is the mean over all (l, i) of (S s_l - s_l)^2. The same bits for any ranks and
  // threads.
  [[nodiscard]] Taught teach(const GroupSums& sums, const GlobalModel& global, std::int64_t round,
                             const Comm& comm, const Stop& stop) override;
  // S s: s is M x G, complete on every rank. Collective.
  [[nodiscard]] Matrix<double> smooth(const Matrix<double>& scores, const Comm& comm) const;

  [[nodiscard]] std::int64_t flop() const override;
  // What it holds on a rank, at most, in bytes.
  [[nodiscard]] static double bytes(const Config& config, const Dataset& data);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fedfuse
