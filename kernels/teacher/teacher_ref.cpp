// The reference: every pair alone, the whole network forward and back, in double. Shares no body
// with a variant.
#include <algorithm>
#include <cmath>

#include "kernels/teacher/teacher.hpp"

namespace fedfuse::teacher {
namespace {

struct Pair {
  std::int64_t group, item;
};

std::vector<Pair> pairs_of(const Problem& p, std::int64_t begin, std::int64_t end) {
  std::vector<Pair> pairs;
  for (std::int64_t k = begin; k < end; ++k)
    if (p.batching.by_items)
      for (std::int64_t l = 0; l < p.groups; ++l) pairs.push_back({l, p.order[k]});
    else
      pairs.push_back({p.order[k] % p.groups, p.order[k] / p.groups});
  return pairs;
}

// One branch A x + a into out; x null: the modality is missing.
void branch(const double* A, const double* a, std::int64_t d, std::int64_t width,
            const std::vector<double>& x, double* out) {
  for (std::int64_t o = 0; o < d; ++o) {
    out[o] = a[o];
    for (std::int64_t k = 0; k < width && !x.empty(); ++k)
      out[o] += A[o * width + k] * x[std::size_t(k)];
  }
}

std::vector<double> row(const float* features, const std::uint8_t* has, std::int64_t item,
                        std::int64_t width) {
  if (width == 0 || (has != nullptr && has[item] == 0)) return {};
  return {features + item * width, features + (item + 1) * width};
}

// The network of one pair: inputs of the three branches, joined (3d), hidden (2d), output (d).
struct Network {
  const Problem& p;
  const double* w;
  Offsets at;
  std::vector<double> in[3], joined, hidden, q;

  Network(const Problem& problem, const std::vector<double>& values)
      : p(problem), w(values.data()) {
    (void)declare(p.shape, at);
  }

  void forward(const Pair& pair) {
    const auto& s = p.shape;
    const double* e = w + at.e + pair.group * s.d_group;
    in[0].assign(e, e + s.d_group);
    in[1] = row(p.features.text, p.features.has_text, pair.item, s.d_text);
    in[2] = row(p.features.image, p.features.has_image, pair.item, s.d_image);
    joined.assign(std::size_t(3 * s.d), 0.0);
    hidden.assign(std::size_t(2 * s.d), 0.0);
    q.assign(std::size_t(s.d), 0.0);
    branch(w + at.A_g, w + at.a_g, s.d, s.d_group, in[0], joined.data());
    branch(w + at.A_t, w + at.a_t, s.d, s.d_text, in[1], joined.data() + s.d);
    branch(w + at.A_v, w + at.a_v, s.d, s.d_image, in[2], joined.data() + 2 * s.d);
    branch(w + at.W1, w + at.b1, 2 * s.d, 3 * s.d, joined, hidden.data());
    for (double& h : hidden) h = h < 0 ? 0 : h;
    branch(w + at.W2, w + at.b2, s.d, 2 * s.d, hidden, q.data());
  }

  // out = W x + b backwards: adds to dW and db, returns W^T dout.
  static std::vector<double> back(const double* W, std::int64_t outs, std::int64_t ins,
                                  const std::vector<double>& dout, const std::vector<double>& x,
                                  double* dW, double* db) {
    std::vector<double> dx(std::size_t(ins), 0.0);
    for (std::int64_t o = 0; o < outs; ++o) {
      db[o] += dout[std::size_t(o)];
      for (std::int64_t k = 0; k < ins && !x.empty(); ++k) {
        dW[o * ins + k] += dout[std::size_t(o)] * x[std::size_t(k)];
        dx[std::size_t(k)] += dout[std::size_t(o)] * W[o * ins + k];
      }
    }
    return dx;
  }

  void backward(const Pair& pair, const std::vector<double>& dq, double* g) const {
    const auto& s = p.shape;
    auto dh = back(w + at.W2, s.d, 2 * s.d, dq, hidden, g + at.W2, g + at.b2);
    for (std::size_t k = 0; k < dh.size(); ++k)
      if (!(hidden[k] > 0)) dh[k] = 0;
    const auto dj = back(w + at.W1, 2 * s.d, 3 * s.d, dh, joined, g + at.W1, g + at.b1);
    const auto part = [&](std::int64_t m) {
      return std::vector<double>(dj.begin() + m * s.d, dj.begin() + (m + 1) * s.d);
    };
    const auto de = back(w + at.A_g, s.d, s.d_group, part(0), in[0], g + at.A_g, g + at.a_g);
    for (std::int64_t k = 0; k < s.d_group; ++k)
      g[std::int64_t(at.e) + pair.group * s.d_group + k] += de[std::size_t(k)];
    (void)back(w + at.A_t, s.d, s.d_text, part(1), in[1], g + at.A_t, g + at.a_t);
    (void)back(w + at.A_v, s.d, s.d_image, part(2), in[2], g + at.A_v, g + at.a_v);
  }
};

// gradient: null for the loss alone.
double loss_and_gradient(const Problem& p, const std::vector<double>& values, std::int64_t begin,
                         std::int64_t end, double* gradient) {
  const auto pairs = pairs_of(p, begin, end);
  const double n = double(pairs.size()) * double(p.shape.d);
  Network network(p, values);
  double sum = 0;
  for (const auto& pair : pairs) {
    network.forward(pair);
    std::vector<double> dq;
    for (std::int64_t k = 0; k < p.shape.d; ++k) {
      const double error =
          network.q[std::size_t(k)] - double(p.targets[pair.group][pair.item * p.shape.d + k]);
      sum += error * error;
      dq.push_back(2 * error / n);
    }
    if (gradient != nullptr) network.backward(pair, dq, gradient);
  }
  return sum / n;
}

void adam_step(State& s, const std::vector<double>& g, double lr) {
  s.steps += 1;
  for (std::size_t k = 0; k < g.size(); ++k) {
    s.m[k] = 0.9 * s.m[k] + (1 - 0.9) * g[k];
    s.v[k] = 0.999 * s.v[k] + (1 - 0.999) * g[k] * g[k];
    const double m = s.m[k] / (1 - std::pow(0.9, s.steps)),
                 v = s.v[k] / (1 - std::pow(0.999, s.steps));
    s.values[k] -= lr * m / (std::sqrt(v) + 1e-8);
  }
}

}  // namespace

double reference_loss(const Problem& p, const std::vector<double>& values, std::int64_t begin,
                      std::int64_t end) {
  return loss_and_gradient(p, values, begin, end, nullptr);
}

double reference_gradient(const Problem& p, const std::vector<double>& values, std::int64_t begin,
                          std::int64_t end, std::vector<double>& gradient) {
  gradient.assign(values.size(), 0.0);
  return loss_and_gradient(p, values, begin, end, gradient.data());
}

double reference_epoch(const Problem& p, State& state) {
  double sum = 0, pairs = 0;
  std::vector<double> gradient;
  for (std::int64_t begin = 0; begin < p.count(); begin += p.slots()) {
    const auto end = std::min(begin + p.slots(), p.count());
    const double n = double((end - begin) * p.batching.pairs_a_slot(p.groups));
    sum += n * reference_gradient(p, state.values, begin, end, gradient);
    pairs += n;
    if (p.adam)
      adam_step(state, gradient, p.lr);
    else
      for (std::size_t k = 0; k < gradient.size(); ++k) state.values[k] -= p.lr * gradient[k];
  }
  return sum / pairs;
}

double run_reference(const Problem& p, Workspace&) {
  Offsets at;
  const auto n = std::ptrdiff_t(declare(p.shape, at).values.size());
  State state{{p.values, p.values + n}, {}, {}, 0};
  if (p.adam) {
    state.m.assign(p.m, p.m + n);
    state.v.assign(p.v, p.v + n);
    state.steps = double(*p.steps);
  }
  const double loss = reference_epoch(p, state);
  const auto put = [n](const std::vector<double>& from, float* to) {
    for (std::ptrdiff_t k = 0; k < n; ++k) to[k] = float(from[std::size_t(k)]);
  };
  put(state.values, p.values);
  if (p.adam) {
    put(state.m, p.m);
    put(state.v, p.v);
    *p.steps = float(state.steps);
  }
  return loss;
}

}  // namespace fedfuse::teacher
