// Naive: builds every client's whole table in double and averages. Shares nothing with the
// variants.
#include <vector>

#include "kernels/aggregate/aggregate.hpp"

namespace fedfuse::aggregate {

namespace {

void reference_by_counts(const DenseClients& in, double* next) {
  double keep = 0, total = 0;
  for (std::int64_t u = 0; u < in.clients; ++u) {
    keep += in.alpha[u] * in.rho[u];
    total += in.alpha[u];
  }
  keep /= total;
  for (std::int64_t i = 0; i < in.items; ++i)
    for (std::int64_t k = 0; k < in.width; ++k) {
      const std::int64_t at = i * in.width + k;
      double change = 0, weight = 0;
      for (std::int64_t u = 0; u < in.clients; ++u) {
        if (in.touched[u * in.items + i] == 0) continue;
        change += in.alpha[u] * (in.rows[u * in.items * in.width + at] - in.rho[u] * in.table[at]);
        weight += in.alpha[u];
      }
      next[at] = keep * in.table[at] + (weight > 0 ? in.server_rate * change / weight : 0);
    }
}

}  // namespace

void reference_dense(const DenseClients& in, double* next) {
  if (in.by_counts) return reference_by_counts(in, next);
  const std::int64_t size = in.items * in.width;
  for (std::int64_t j = 0; j < size; ++j) next[j] = 0;
  for (std::int64_t u = 0; u < in.clients; ++u)
    for (std::int64_t i = 0; i < in.items; ++i)
      for (std::int64_t k = 0; k < in.width; ++k) {
        const std::int64_t at = i * in.width + k;
        const bool own = in.touched[u * in.items + i] != 0;
        const double value = own ? in.rows[u * size + at] : in.rho[u] * in.table[at];
        next[at] += in.alpha[u] * value;
      }
}

void reference(const Problem& p, double* next) {
  const std::int64_t size = p.items * p.width;
  std::vector<double> rows(static_cast<std::size_t>(p.clients * size)),
      table(p.table, p.table + size), rho, alpha;
  std::vector<std::uint8_t> touched(std::size_t(p.clients * p.items));
  double total = 0;
  for (std::int64_t u = 0; u < p.clients; ++u) total += double(p.weight[u]);
  for (std::int64_t u = 0; u < p.clients; ++u) {
    rho.push_back(double(p.rho[u]));
    alpha.push_back(double(p.weight[u]) / total);
    for (std::int64_t e = p.offsets[u]; e < p.offsets[u + 1]; ++e) {
      const std::int64_t i = p.ids[e];
      touched[std::size_t(u * p.items + i)] = 1;
      for (std::int64_t k = 0; k < p.width; ++k) {
        const double shared = table[std::size_t(i * p.width + k)];
        rows[std::size_t(u * size + i * p.width + k)] =
            double(p.delta[e * p.width + k]) + rho.back() * shared;
      }
    }
  }
  reference_dense({.clients = p.clients,
                   .items = p.items,
                   .width = p.width,
                   .table = table.data(),
                   .rho = rho.data(),
                   .alpha = alpha.data(),
                   .rows = rows.data(),
                   .touched = touched.data(),
                   .by_counts = p.by_counts,
                   .server_rate = p.server_rate},
                  next);
}

}  // namespace fedfuse::aggregate
