#include "kernels/views/views_case.hpp"

#include <cmath>

#include "core/rng.hpp"
#include "core/text.hpp"

namespace fedfuse::views {

Case::Case(const CaseShape& s) : shape(s), layout(s.shape), parameters(layout.size, 0.0f) {
  const Rng rng(s.seed, Purpose::test);
  std::uint64_t who = 0;
  const auto fill = [&](float* to, std::int64_t n, double scale, double mean) {
    RngStream own(rng, ++who, 0);
    const double width = scale * std::sqrt(12.0);  // of a uniform distribution with this deviation
    for (std::int64_t k = 0; k < n; ++k) to[k] = float(mean + width * (own.uniform() - 0.5));
  };
  for (const auto& e : layout.entries) {
    const double scale = e.rows > 1 ? 1.0 / std::sqrt(double(e.cols > 0 ? e.cols : 1)) : 0.2;
    fill(parameters.data() + e.at, e.rows * e.cols, scale, e.name.starts_with("ln_w") ? 1.0 : 0.0);
  }
  const auto cells = std::size_t(s.items * layout.d);
  for (std::size_t m = 0; m < branches; ++m) {
    features[m].resize(std::size_t(s.items * layout.branch[m].width));
    fill(features[m].data(), std::int64_t(features[m].size()), 0.5, 0.0);
    if (s.missing && m > 0)
      for (std::int64_t i = 0; i < s.items; ++i) has[m].push_back(i % 5 != std::int64_t(m));
  }
  for (std::size_t j = 0; j < layout.views.size(); ++j) {
    view_grad[j].resize(cells);
    fill(view_grad[j].data(), std::int64_t(cells), double(s.grad_scale), 0.0);
  }
}

Problem Case::problem() const {
  Problem p{.layout = layout, .items = shape.items, .parameters = parameters.data()};
  for (std::size_t m = 0; m < branches; ++m) {
    p.features[m] = features[m].data();
    p.has[m] = has[m].empty() ? nullptr : has[m].data();
    p.view_grad[m] = view_grad[m].empty() ? nullptr : view_grad[m].data();
  }
  return p;
}

std::string Case::name() const {
  std::string views;
  for (const auto v : layout.views) views += " " + text_of(v);
  return cat("M=", shape.items, " d=", layout.d, " d_t=", layout.branch[1].width,
             " d_v=", layout.branch[2].width, views, shape.missing ? " missing" : "");
}

}  // namespace fedfuse::views
