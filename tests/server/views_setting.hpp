#pragma once
// ItemViews over a made-up or golden data set, and its gradients read off an SGD step.
#include <memory>
#include <string>
#include <vector>

#include "server/item_views.hpp"
#include "tests/server/server_data.hpp"

namespace fedfuse::test {

inline const std::vector<View> all_views{View::sum, View::mlp, View::gate};

inline std::vector<std::string> texts_of(const std::vector<View>& views) {
  std::vector<std::string> names;
  for (const auto view : views) names.push_back(text_of(view));
  return names;
}

inline Config views_config(std::size_t d, OptimizerKind optimizer, double lr,
                           const std::vector<View>& views = all_views) {
  Config config;
  config.model.fusion = "fedvlr";
  config.model.dim = std::int64_t(d);
  config.fedvlr.optimizer = optimizer;
  config.fedvlr.lr = lr;
  config.fedvlr.views = views;
  return config;
}

struct Setting {
  Config config;
  NaiveItems items;
  Dataset data;
  ItemViews views;
  Setting(const Config& c, const NaiveItems& i, std::shared_ptr<gpu::Device> device = nullptr)
      : config(c),
        items(i),
        data(dataset_of(i)),
        views(config, resolve(config), data, std::move(device)) {}

  // The parameters as they are, without the optimizer's state.
  NaiveParameters parameters() {
    NaiveParameters all;
    for (const auto& [name, values] : views.parameters())
      if (name.find('.') == std::string::npos && name != "steps")
        all[name] = Values(values.begin(), values.end());
    return all;
  }
  std::vector<Matrix<float>> forward(const Comm& comm) {
    std::vector<Matrix<float>> F;
    views.forward(F, comm);
    return F;
  }
};

// With SGD and lr 1, a step is the gradient.
inline NaiveParameters gradient_of(Setting& s, const std::vector<Values>& up) {
  const auto before = s.parameters();
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : up) view_grad.push_back(matrix_of(s.items.items, u));
  s.views.backward_and_step(view_grad, Comm::world());
  auto gradient = s.parameters();
  for (auto& [name, values] : gradient)
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = before.at(name)[k] - values[k];
  return gradient;
}

inline std::vector<Values> random_up(const NaiveItems& items, std::size_t views,
                                     double scale = 0.5) {
  std::vector<Values> up;
  for (std::size_t j = 0; j < views; ++j)
    up.push_back(random_values(items.items * items.d, scale, std::uint32_t(20 + j)));
  return up;
}

// Adam's first moments after one step from view gradients of that size, brought back to size 1:
// they are 0.1 times the gradient.
inline std::vector<float> moments_at_scale(const NaiveItems& items, float scale,
                                           std::shared_ptr<gpu::Device> device = nullptr) {
  Setting s(views_config(items.d, OptimizerKind::adam, 0.01), items, std::move(device));
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : random_up(items, 3)) view_grad.push_back(matrix_of(items.items, u));
  for (auto& g : view_grad)
    for (auto& x : g.values) x *= scale;
  s.views.backward_and_step(view_grad, Comm::world());
  std::vector<float> m;
  for (const auto& [name, values] : s.views.parameters())
    if (name.ends_with(".m"))
      for (const float x : values) m.push_back(x / scale);
  return m;
}

}  // namespace fedfuse::test
