#pragma once
// The item features that the group prior's teacher sees (models.md section 9).
#include <cstdint>

#include "core/config.hpp"
#include "core/matrix.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// Of more items the covariance is taken from so many of them, at even steps.
inline constexpr std::int64_t most_covariance_items = 20000;
// The width of the drawn rows where no item has features.
inline constexpr std::int64_t drawn_width = 64;

// Z: M x P, the same bits on every rank and for any number of threads.
//   X[i] = [E_t[i]; E_v[i]], each modality: rows of norm 1, minus the mean over the items that have
//          it, times one factor so that the mean square norm of these rows is 1. A row that is
//          missing or zero is 0: it stands at the mean.
//   Z = X where X has at most P columns; else Z = c X W, W the P leading eigenvectors of X^T X (the
//       component of the largest size is positive), c so that |Z|_F = |X|_F. P is less than
//       --prior-projection where X has fewer directions.
//   Where no item has features, or all are alike: Z[i] ~ N(0, 1/64), 64 wide, drawn for the item.
[[nodiscard]] Matrix<float> prior_features(const Config& config, const Dataset& data);
// The columns that Z has at most.
[[nodiscard]] std::int64_t prior_feature_width(const Config& config, const Dataset& data);

}  // namespace fedfuse
