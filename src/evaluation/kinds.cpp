#include "evaluation/kinds.hpp"

namespace fedfuse {

std::vector<Evaluation> metrics_of_kinds(const LocalRanks& ranks, const Dataset& data,
                                         std::span<const std::int32_t> kind, std::int32_t kinds,
                                         const Comm& comm) {
  std::vector<Evaluation> all;
  for (std::int32_t k = 0; k < kinds; ++k) {
    LocalRanks some = ranks;
    for (std::size_t u = 0; u < kind.size(); ++u)
      if (kind[u] != k) some.of_client[u] = {};  // as if not evaluated
    all.push_back(metrics(some, data, comm));
  }
  return all;
}

}  // namespace fedfuse
