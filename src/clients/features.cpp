#include "clients/features.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace fedfuse {

bool has_features(const Dataset& data) {
  const auto any = [](const Matrix<float>& values, const std::vector<std::uint8_t>& has) {
    return values.cols > 0 && std::ranges::any_of(has, [](auto flag) { return flag != 0; });
  };
  return any(data.text, data.has_text) || any(data.image, data.has_image);
}

std::string features_warning(const ModelSpec& spec, const Dataset& data) {
  const bool wanted = spec.has_teacher || spec.has_prior() || spec.fusion.views != ViewsKind::table;
  if (!wanted || has_features(data)) return "";
  return cat("fedfuse: warning: --fusion ", spec.fusion.name, " uses text and image features, and ",
             data.path,
             " has none: the model learns from ids alone. Import the data with --text "
             "or --image, or use --fusion none\n");
}

}  // namespace fedfuse
