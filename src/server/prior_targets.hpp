#pragma once
// What the teacher of the group prior is fitted to in one round (models.md section 9): the sums S_l
// of the groups that are taught, and the complement N_l that stands for the negatives.
#include <span>
#include <vector>

#include "core/config.hpp"
#include "core/matrix.hpp"
#include "kernels/group_prior/group_prior.hpp"

namespace fedfuse {

class PriorTargets {
 public:
  // sums: S, M x G, >= 0; it must outlive this. mass: G; a group below --prior-least-mass is not
  // taught: S_l and N_l count as 0. N_l = q sum_i S_l[i] / sum_i c_i; c_i is 1, and with
  // --prior-negatives touched 0 for an item that has no sum in any group.
  PriorTargets(const Matrix<float>& sums, std::span<const double> mass, const Config& config);
  // sum_l sum_i (S_l[i] + c_i N_l); 0: nothing can be taught; not finite: as the sums are
  [[nodiscard]] double total() const { return total_; }
  // Sets S, N, c and total of a problem, which must not outlive this.
  void enter(group_prior::Problem& problem) const;

 private:
  void leave_out(std::span<const double> mass, double least_mass);

  const Matrix<float>* sums_;
  Matrix<float> masked_;  // where some group is not taught
  std::vector<float> N_, c_;
  double total_ = 0;
};

}  // namespace fedfuse
