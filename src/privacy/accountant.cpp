#include "privacy/accountant.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.hpp"

namespace fedfuse {
namespace {

constexpr double reach = 12.0;  // standard deviations beyond which a normal density is nothing

// log(e^a + e^b)
double log_sum(double a, double b) {
  const double most = std::max(a, b);
  return std::isinf(most) ? most : most + std::log1p(std::exp(std::min(a, b) - most));
}

double log_sum(std::span<const double> logs) {
  const double most = std::ranges::max(logs);
  double sum = 0;
  for (const double x : logs) sum += std::exp(x - most);
  return most + std::log(sum);
}

// The nodes of the trapezoid rule for E over x ~ N(0, noise^2), from the density's left end to
// `reach` beyond `top`, where the integrand's last bump stands.
struct Nodes {
  Nodes(double noise, double top, double per_noise)
      : first(-reach * noise),
        step(noise / per_noise),
        count(std::int64_t(std::ceil((top + 2 * reach * noise) / step))),
        square(2 * noise * noise),
        log_weight(-std::log(per_noise * std::sqrt(2 * std::numbers::pi))) {}
  [[nodiscard]] double x(std::int64_t k) const { return first + double(k) * step; }
  [[nodiscard]] double log_ratio(double x) const { return (2 * x - 1) / square; }  // log r
  [[nodiscard]] double log_w(double x) const { return log_weight - x * x / square; }
  double first, step;
  std::int64_t count;
  double square, log_weight;
};

// (1 + t)^a - 1 - a t, without cancellation. lr = log(1 + t)
double beyond_linear(double t, double lr, double a) {
  if (std::abs(t) < 1e-4)
    return a * (a - 1) / 2 * t * t * (1 + (a - 2) / 3 * t * (1 + (a - 3) / 4 * t));
  constexpr double largest = 700;  // e^700 is a double; what is beyond it has no weight
  return std::expm1(std::min(a * lr, largest)) - a * t;
}

double log_binomial(std::int64_t n, std::int64_t k) {
  return std::lgamma(double(n) + 1) - std::lgamma(double(k) + 1) - std::lgamma(double(n - k) + 1);
}

}  // namespace

double rdp_poisson(double noise, double rate, double order, double nodes_per_noise) {
  if (rate >= 1) return order / (2 * noise * noise);
  const Nodes nodes(noise, order, nodes_per_noise);
  const double log_rate = std::log(rate), log_rest = std::log1p(-rate);
  std::vector<double> logs(std::size_t(nodes.count));
  for (std::int64_t k = 0; k < nodes.count; ++k) {
    const double x = nodes.x(k);
    logs[std::size_t(k)] =
        order * log_sum(log_rest, log_rate + nodes.log_ratio(x)) + nodes.log_w(x);
  }
  const double log_A = log_sum(logs);
  if (log_A >= 0.5) return log_A / (order - 1);
  // Nothing overflows; A - 1 is summed by itself.
  double above_one = 0;
  for (std::int64_t k = 0; k < nodes.count; ++k) {
    const double x = nodes.x(k), u = nodes.log_ratio(x);
    const double lr = log_sum(log_rest, log_rate + u);
    const double t = u < 1 ? rate * std::expm1(u) : std::expm1(lr);
    above_one += std::exp(nodes.log_w(x)) * beyond_linear(t, u < 1 ? std::log1p(t) : lr, order);
  }
  return std::log1p(above_one) / (order - 1);
}

double WithoutReplacement::log_moment(std::int64_t k) {
  const auto known = moments_.find(k);
  if (known != moments_.end()) return known->second;
  const Nodes nodes(noise_, double(k), 24);
  std::vector<double> logs(std::size_t(nodes.count));
  for (std::int64_t n = 0; n < nodes.count; ++n) {
    const double x = nodes.x(n), u = nodes.log_ratio(x);
    const double log_abs = std::max(u, 0.0) + std::log(-std::expm1(-std::abs(u)));
    logs[std::size_t(n)] = double(k) * log_abs + nodes.log_w(x);
  }
  return moments_[k] = log_sum(logs);
}

double WithoutReplacement::log_A(std::int64_t order) {
  if (order == 1) return 0.0;
  constexpr std::int64_t last_with_differences = 256;
  const auto f = [this](std::int64_t j) { return double(j) / (2 * noise_ * noise_); };
  const double two = std::log(2.0), four = std::log(4.0);
  std::vector<double> terms{0.0};
  for (std::int64_t j = 2; j <= order; ++j) {
    double term = two + double(j - 1) * f(j);
    if (j == 2)
      term = std::min(four + f(2) + std::log1p(-std::exp(-f(2))), two + f(2));
    else if (order <= last_with_differences)
      term = std::min(term, four + (log_moment(2 * (j / 2)) + log_moment(2 * ((j + 1) / 2))) / 2);
    terms.push_back(term + log_binomial(order, j) + double(j) * std::log(rate_));
  }
  return log_sum(terms);
}

double WithoutReplacement::rdp(double order) {
  if (rate_ >= 1) return order / (2 * noise_ * noise_);
  const auto below = std::int64_t(std::floor(order));
  const double part = order - std::floor(order);
  const double above = part > 0 ? part * log_A(below + 1) : 0.0;
  return ((1 - part) * log_A(below) + above) / (order - 1);
}

Spent spent(std::span<const double> orders, std::span<const double> rdp, double delta) {
  FEDFUSE_CHECK(orders.size() == rdp.size(), "an RDP of each order");
  Spent best{std::numeric_limits<double>::infinity(), 0};
  for (std::size_t k = 0; k < orders.size(); ++k) {
    const double a = orders[k], r = rdp[k];
    double epsilon = 0;
    if (delta * delta + std::expm1(-r) <= 0) {
      if (a <= 1.01) continue;
      epsilon = r + std::log1p(-1 / a) - std::log(delta * a) / (a - 1);
    }
    epsilon = std::max(0.0, epsilon);
    if (epsilon < best.epsilon) best = {epsilon, a};
  }
  return best;
}

std::vector<double> usual_orders() {
  std::vector<double> orders;
  for (int tenth = 11; tenth < 110; ++tenth) orders.push_back(double(tenth) / 10);
  for (int order = 11; order < 64; ++order) orders.push_back(order);
  for (int order = 128; order <= 1024; order *= 2) orders.push_back(order);
  return orders;
}

Accountant::Accountant(const SampledGaussian& round, std::vector<double> orders)
    : orders_(std::move(orders)) {
  WithoutReplacement fixed(round.noise, round.rate);
  for (const double a : orders_)
    of_one_.push_back(round.sampling == Sampling::poisson ? rdp_poisson(round.noise, round.rate, a)
                                                          : fixed.rdp(a));
}

Spent Accountant::after(std::int64_t rounds, double delta) const {
  auto all = of_one_;
  for (double& r : all) r *= double(rounds);
  return spent(orders_, all, delta);
}

double noise_for(double epsilon, SampledGaussian round, std::int64_t rounds, double delta) {
  const auto costs = [&](double noise) {
    round.noise = noise;
    return Accountant(round).after(rounds, delta).epsilon;
  };
  constexpr double least = 0.02, most = 16384, right_to = 1e-4;
  double high = 1;
  while (costs(high) > epsilon) {
    if (high >= most) return 0;
    high *= 4;
  }
  double low = high;
  while (low > least && costs(low) <= epsilon) low /= 4;
  while (high / low > 1 + right_to) {
    const double between = std::sqrt(low * high);
    (costs(between) > epsilon ? low : high) = between;
  }
  return high;
}

}  // namespace fedfuse
