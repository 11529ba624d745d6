// GFMFR step 4: what the groups prefer.
#include <algorithm>

#include "core/error.hpp"
#include "core/rows.hpp"
#include "server/teacher_impl.hpp"

namespace fedfuse {

preference::Problem GroupTeacher::Impl::problem(std::int64_t first, std::int64_t count) const {
  const auto& s = shape;
  const auto& values = parameters;
  auto p = problem_of(s, features);
  p.items = count;
  p.e = values.at(at.e);
  p.A_g = values.at(at.A_g);
  p.a_g = values.at(at.a_g);
  p.A_t = values.at(at.A_t);
  p.a_t = values.at(at.a_t);
  p.A_v = values.at(at.A_v);
  p.a_v = values.at(at.a_v);
  p.W1 = values.at(at.W1);
  p.b1 = values.at(at.b1);
  p.W2 = values.at(at.W2);
  p.b2 = values.at(at.b2);
  const auto own = from_row(features, s, first);
  p.text = own.text;
  p.image = own.image;
  p.has_text = own.has_text;
  p.has_image = own.has_image;
  return p;
}

Matrix<float> GroupTeacher::preference(const Matrix<float>& last_w, std::span<const float> last_b,
                                       const Comm& comm) const {
  const auto& s = impl_->shape;
  const auto groups = last_w.rows;
  FEDFUSE_CHECK(groups <= s.groups && last_w.cols == s.d && std::int64_t(last_b.size()) == groups,
                "one last layer, d wide, for each group is needed");
  // every rank all of it: no less work than to send it around
  if (impl_->device != nullptr && impl_->device->prefers()) {
    Matrix<float> pref(groups, s.items);
    auto whole = impl_->problem(0, s.items);
    whole.groups = groups;
    whole.w = last_w.data();
    whole.b = last_b.data();
    whole.pref = pref.data();
    whole.pref_stride = s.items;
    comm.together([&] { impl_->device->preference(whole); });
    impl_->flops += whole.flops();
    return pref;
  }
  static_assert(RowSplit::usual_block % preference::block_items == 0);
  const RowSplit split(s.items, comm);
  const auto [first, count] = split.mine();
  Matrix<float> mine(groups, count);
  auto problem = impl_->problem(first, count);
  problem.groups = groups;
  problem.w = last_w.data();
  problem.b = last_b.data();
  problem.pref = mine.data();
  problem.pref_stride = count;
  impl_->kernels.preferences(problem);
  impl_->flops += problem.flops();

  // of each rank a block of columns
  Array<float> all(std::size_t(groups * s.items));
  std::ranges::copy(mine.values, all.begin() + groups * first);
  comm.all_gather_rows(std::span(all), groups, split.counts());
  Matrix<float> pref(groups, s.items);
  for (int rank = 0; rank < comm.size(); ++rank) {
    const auto n = split.count(rank);
    const float* from = all.data() + groups * split.first(rank);
    for (std::int64_t l = 0; l < groups; ++l)
      std::copy_n(from + l * n, n, pref.row(l) + split.first(rank));
  }
  return pref;
}

}  // namespace fedfuse
