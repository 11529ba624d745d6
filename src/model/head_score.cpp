#include "model/head_score.hpp"

#include "model/heads.hpp"

namespace fedfuse {

double head_score(const HeadLayout& head, const double* theta, const double* user,
                  const std::vector<double>& z) {
  return with_head(head.kind,
                   [&]<class Head> { return Head::reference(head, theta, user, z, 0.0, nullptr); });
}

double head_score(const HeadLayout& head, const double* theta, const double* user,
                  const std::vector<double>& z, double ds, heads::Gradient& gradient) {
  return with_head(
      head.kind, [&]<class Head> { return Head::reference(head, theta, user, z, ds, &gradient); });
}

}  // namespace fedfuse
