#pragma once
// What the clients of a round send to the group prior's teacher (models.md section 9), as sums over
// all of them and nothing else:
//
//   S_l[i] = sum_u a_ul n_u^(-1/2) 1[i in P_u]      mass_l = sum_u a_ul
//
// in 64-bit fixed point (R7), so that pairwise masks cancel, and any number of ranks and threads
// gives the same bits.
#include <cstdint>
#include <vector>

#include "aggregation/row_sum.hpp"
#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"
#include "kernels/production.hpp"

namespace fedfuse {

class PriorSums {
 public:
  // clients: participants over all ranks, at most.
  PriorSums(std::int64_t items, std::int64_t groups, std::int64_t clients,
            const Kernels& kernels = {});
  // local: participants of this rank. shares: local clients x G.
  void add(const std::vector<std::int32_t>& local, const Dataset& data,
           const Matrix<float>& shares);
  void reduce(const Comm& comm);  // collective
  // After reduce.
  [[nodiscard]] Matrix<float> sums() const;        // S: M x G
  [[nodiscard]] std::vector<double> mass() const;  // G

 private:
  RowSum rows_;
  FixedSum mass_;
};

}  // namespace fedfuse
