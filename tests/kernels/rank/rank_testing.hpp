#pragma once
// What the tests of the rank kernels share.
#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "core/text.hpp"
#include "kernels/rank/rank.hpp"
#include "kernels/rank/rank_case.hpp"
#include "tests/support/inputs.hpp"
#include "tests/support/runnable.hpp"

namespace fedfuse::test {

using rank::Case;
using rank::CaseShape;
using rank::OwnRows;
using rank::Ranks;

inline std::vector<Ranks> ranks_by(rank::Function function, const rank::Problem& problem) {
  std::vector<Ranks> out(problem.clients.size(), Ranks{-7, -7});
  function(problem, out);
  return out;
}

// Those that run here and take the problem.
inline std::vector<rank::Variant> serving(const rank::Problem& problem) {
  static const auto here = runnable(rank::variants());
  std::vector<rank::Variant> some;
  std::ranges::copy_if(here, std::back_inserter(some),
                       [&](const auto& v) { return v.serves(problem); });
  return some;
}

inline std::string name(const CaseShape& s) {
  return cat(
      s.head, " M=", s.items, " d=", s.d, " J=", s.views, s.shared_head ? " shared" : " private",
      s.wide ? " wide" : "",
      s.own_rows == OwnRows::add ? " add" : (s.own_rows == OwnRows::replace ? " replace" : ""),
      s.base ? " base" : "", " own=", s.own, " dropped=", s.dropped, " excluded=", s.excluded,
      " sampled=", s.sampled, " groups=", s.groups);
}

}  // namespace fedfuse::test
