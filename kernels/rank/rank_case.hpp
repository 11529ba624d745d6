#pragma once
// Seeded inputs for the rank kernel, shared by its test and its benchmark.
#include <cstdint>
#include <vector>

#include "core/matrix.hpp"
#include "core/rng.hpp"
#include "kernels/rank/rank.hpp"

namespace fedfuse::rank {

struct CaseShape {
  HeadKind head = HeadKind::linear;
  std::int64_t clients = 21, items = 150;
  int d = 8;
  int views = 1;
  bool shared_head = false;
  bool wide = false;  // neumf: a table of its own, 2d wide
  OwnRows own_rows = OwnRows::none;
  int own = 20;  // own rows a client, when there are any
  bool base = false;
  int dropped = 15;
  int excluded = 0;
  int sampled = 0;  // candidates a client; 0: all items
  int groups = 0;   // of a prior; 0: none
  // small multiples of powers of two: every sum is exact in float, in any order; many ties
  bool exact = true;
  std::uint64_t seed = 1;
};

class Case {
 public:
  explicit Case(const CaseShape& shape);
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;
  ~Case() = default;
  [[nodiscard]] Problem problem() const { return {model_, clients_}; }

 private:
  void add_prior(const Rng& rng);
  CaseShape shape_;
  std::vector<Matrix<float>> views_;
  Matrix<float> base_, theta_, user_, omega_, prior_, shares_;
  Array<float> rows_;
  std::vector<std::vector<std::int32_t>> row_ids_, dropped_, candidates_;
  std::vector<std::int32_t> excluded_;
  Model model_;
  std::vector<Client> clients_;
};

}  // namespace fedfuse::rank
