#pragma once
// The score of one item in double, naively: the reference of every head (models.md section 2).
#include <vector>

#include "model/heads/parts.hpp"

namespace fedfuse {

// theta, user: as in HeadLayout; z: item_width numbers.
[[nodiscard]] double head_score(const HeadLayout& head, const double* theta, const double* user,
                                const std::vector<double>& z);
// Also adds ds d(score)/d(theta) and ds d(score)/d(user) to the gradient, and sets its z to
// ds d(score)/dz.
double head_score(const HeadLayout& head, const double* theta, const double* user,
                  const std::vector<double>& z, double ds, heads::Gradient& gradient);

}  // namespace fedfuse
