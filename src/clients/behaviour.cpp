#include "clients/behaviour.hpp"

#include "clients/features.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {
namespace {

void add_mean(const Matrix<float>& features, const std::vector<std::uint8_t>& has,
              std::span<const std::int32_t> items, float* out) {
  std::int64_t count = 0;
  for (const auto i : items) {
    if (!has[std::size_t(i)]) continue;
    ++count;
    for (std::int64_t k = 0; k < features.cols; ++k) out[k] += features(i, k);
  }
  for (std::int64_t k = 0; k < features.cols && count > 0; ++k) out[k] /= float(count);
}

}  // namespace

Matrix<float> behaviour_vectors(const Dataset& data) {
  if (!has_features(data))
    throw InputError(cat("--group-by behaviour on ", data.path),
                     "behaviour is the mean of the items' features, and no item has any",
                     "use --group-by prediction, or import the data with --text or --image");
  const auto n = data.local_clients();
  Matrix<float> vectors(n, data.text.cols + data.image.cols);
#pragma omp parallel for schedule(dynamic, 64)
  for (std::int64_t u = 0; u < n; ++u) {
    add_mean(data.text, data.has_text, data.positives(u), vectors.row(u));
    add_mean(data.image, data.has_image, data.positives(u), vectors.row(u) + data.text.cols);
  }
  return vectors;
}

}  // namespace fedfuse
