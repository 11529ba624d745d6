#pragma once
// The shares of a client in the groups of the group prior (models.md section 9), computed on the
// client from its own positives and the logits that the server sends to everybody:
//
//   a_ul = softmax_l( n_u^(-1/2) sum_{i in P_u} (L_l[i] - log sum_j exp L_l[j]) )
//
// They never leave the client: only sums over clients go up (server/prior_sums.hpp).
#include <cstdint>
#include <span>
#include <vector>

#include "core/matrix.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// log sum_j exp L_l[j] of each group; logits: M x G.
[[nodiscard]] std::vector<double> log_normalisers(const Matrix<float>& logits);

// Of one client. to: G numbers, their sum is 1.
void shares_of(const Matrix<float>& logits, std::span<const double> normalisers,
               std::span<const std::int32_t> positives, std::span<float> to);

// Of every local client. to: local clients x G.
void compute_shares(const Matrix<float>& logits, const Dataset& data, Matrix<float>& to);

// n_u^(-1/2): the weight of each positive of a client, so that clients of many do not decide alone.
[[nodiscard]] double positive_weight(std::int64_t positives);

}  // namespace fedfuse
