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

// The whole state of views by name, on every rank.
using ViewsState = std::map<std::string, std::vector<float>>;

// Reads a state, or writes it.
class ViewsVisitor final : public StateVisitor {
 public:
  ViewsVisitor(ViewsState& state, const Comm& comm, bool loads)
      : state_(state), comm_(comm), loads_(loads) {}
  [[nodiscard]] bool loads() const override { return loads_; }
  void shared(const std::string& name, std::span<float> values) override {
    auto& whole = at(name);
    if (loads_)
      std::ranges::copy(whole, values.begin());
    else
      whole.assign(values.begin(), values.end());
  }
  void rows(const std::string& name, const RowSplit& split, std::int64_t cols,
            std::span<float> values) override {
    auto& whole = at(name);
    const auto first = split.my_first() * cols;
    if (loads_) {
      std::copy_n(whole.begin() + first, values.size(), values.begin());
      return;
    }
    whole.resize(std::size_t(split.rows * cols));
    std::ranges::copy(values, whole.begin() + first);
    comm_.all_gather_rows(std::span(whole), cols, split.counts());
  }
  void shared(const std::string&, std::span<double>) override {}
  void shared(const std::string&, std::span<std::int64_t>) override {}
  void matrix(const std::string&, Matrix<float>&) override {}
  void matrix(const std::string&, Matrix<double>&) override {}
  void text(const std::string&, std::string&) override {}
  void clients(const std::string&, std::int64_t, std::span<float>) override {}
  void clients(const std::string&, std::int64_t, std::span<std::int32_t>) override {}
  void overlay(const std::string&, OverlayStore&) override {}

 private:
  std::vector<float>& at(const std::string& path) { return state_[path.substr(2)]; }
  ViewsState& state_;
  const Comm& comm_;
  bool loads_;
};

struct Setting {
  Config config;
  NaiveItems items;
  Dataset data;
  Comm comm;
  ItemViews views;
  Setting(const Config& c, const NaiveItems& i, std::shared_ptr<gpu::Device> device = nullptr,
          const Comm& over = Comm::world())
      : config(c),
        items(i),
        data(dataset_of(i)),
        comm(over),
        views(config, resolve(config), data, comm, std::move(device)) {}

  ViewsState state() {
    ViewsState all;
    ViewsVisitor save(all, comm, false);
    views.visit(save, "V");
    return all;
  }
  void restore(ViewsState all) {
    ViewsVisitor load(all, comm, true);
    views.visit(load, "V");
  }
  // The parameters as they are, without the optimizer's state.
  NaiveParameters parameters() {
    NaiveParameters all;
    for (const auto& [name, values] : state())
      if (name.find('.') == std::string::npos && name != "steps")
        all[name] = Values(values.begin(), values.end());
    return all;
  }
  void assign(const NaiveParameters& parameters) {
    auto all = state();
    for (const auto& [name, values] : parameters)
      std::ranges::transform(values, all.at(name).begin(), [](double x) { return float(x); });
    restore(std::move(all));
  }
  std::vector<Matrix<float>> forward() {
    std::vector<Matrix<float>> F;
    views.forward(F);
    return F;
  }
};

// With SGD and lr 1, a step is the gradient.
inline NaiveParameters gradient_of(Setting& s, const std::vector<Values>& up) {
  const auto before = s.parameters();
  std::vector<Matrix<float>> view_grad;
  for (const auto& u : up) view_grad.push_back(matrix_of(s.items.items, u));
  s.views.backward_and_step(view_grad);
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
  s.views.backward_and_step(view_grad);
  std::vector<float> m;
  for (const auto& [name, values] : s.state())
    if (name.ends_with(".m"))
      for (const float x : values) m.push_back(x / scale);
  return m;
}

}  // namespace fedfuse::test
