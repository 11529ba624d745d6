// The targets of GFMFR's teacher from the sums of the groups (models.md section 3).
#include "core/error.hpp"
#include "server/round_sums.hpp"

namespace fedfuse {

// A group without a member: the weight of its sums is 0.
Matrix<double> GroupSums::target_factors() const {
  Matrix<double> factors(groups(), 1 + spec_.views);
  for (std::size_t l = 0; l < sizes_.size(); ++l) {
    double* row = factors.row(std::int64_t(l));
    row[0] = sizes_[l] == 0 ? 0.0 : rows_[l].fixed().inverse / double(sizes_[l]);
    std::ranges::copy(mix_of(l), row + 1);
  }
  return factors;
}

std::vector<Matrix<float>> GroupSums::targets(const GlobalModel& global, RowRange of) const {
  FEDFUSE_CHECK(!spec_.group_scores && !stays(), "the groups sum tables, on the host");
  FEDFUSE_CHECK(!owners_ || (of.first == owners_->my_first() && of.count == owners_->my_rows()),
                "sums of the rows that this rank owns");
  const auto factors = target_factors();
  std::vector<Matrix<float>> targets;
  for (std::int64_t l = 0; l < groups(); ++l) {
    auto& target = targets.emplace_back(of.count, spec_.view_width);
    group_targets::Problem p{.groups = 1,
                             .items = of.count,
                             .width = spec_.view_width,
                             .views = spec_.views,
                             .sums = rows_[std::size_t(l)].raw(of.first),
                             .factors = factors.row(l),
                             .targets = target.data()};
    for (std::size_t j = 0; j < std::size_t(spec_.views); ++j)
      p.view[j] = global.views[j].row(of.first);
    targets_(p);
  }
  return targets;
}

group_targets::Problem GroupSums::on_device() const {
  FEDFUSE_CHECK(stays(), "the sums of the groups are on a device");
  return {.groups = groups(),
          .items = items_,
          .width = spec_.view_width,
          .views = spec_.views,
          .sums = on_device_->rows,
          .view = on_device_->view};
}

}  // namespace fedfuse
