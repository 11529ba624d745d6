#pragma once
// What a run of the sampled Gaussian mechanism costs: Renyi differential privacy, composed over
// rounds, as epsilon at a delta (models.md section 10).
//
// Sources: Mironov, Talwar, Zhang 2019 (arXiv 1908.10530) for Poisson sampling; Wang, Balle,
// Kasiviswanathan 2019 (arXiv 1808.00087), Theorem 27, for samples without replacement; Canonne,
// Kamath, Steinke 2020 (arXiv 2004.00010), Proposition 12, for the step to epsilon.
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "core/config/federation.hpp"

namespace fedfuse {

// One round. noise: the standard deviation of the noise over the sensitivity of the sum: z where
// one client is added or removed (C), z/2 where its data are replaced (2C).
struct SampledGaussian {
  Sampling sampling = Sampling::poisson;
  double noise = 1.0;
  double rate = 1.0;  // beta: of each client (poisson), or the share that is drawn (fixed)
};

// RDP of one round at a real order > 1, add-or-remove-one, Poisson. A = E[(1 + t)^a],
// x ~ N(0, noise^2), t = rate (e^{(2x - 1) / (2 noise^2)} - 1), by the trapezoid rule, whose error
// falls exponentially for such integrands; nodes: of a step of length `noise`.
[[nodiscard]] double rdp_poisson(double noise, double rate, double order, double nodes = 24);

// ... replace-one, without replacement; convex in the order: between whole orders by interpolation.
// Whole orders up to 256 use the theorem's forward differences, which are even moments
// E|r - 1|^k of the likelihood ratio r, by the same rule.
class WithoutReplacement {
 public:
  WithoutReplacement(double noise, double rate) : noise_(noise), rate_(rate) {}
  [[nodiscard]] double rdp(double order);

 private:
  [[nodiscard]] double log_A(std::int64_t order);
  [[nodiscard]] double log_moment(std::int64_t k);  // k even
  double noise_, rate_;
  std::map<std::int64_t, double> moments_;
};

struct Spent {
  double epsilon, order;  // of the order that gives the least
};
// From the RDP at these orders. delta in (0, 1).
[[nodiscard]] Spent spent(std::span<const double> orders, std::span<const double> rdp,
                          double delta);

// 1.1, 1.2, ... 10.9, 11 ... 63, 128, 256, 512, 1024.
[[nodiscard]] std::vector<double> usual_orders();

class Accountant {
 public:
  explicit Accountant(const SampledGaussian& round, std::vector<double> orders = usual_orders());
  [[nodiscard]] Spent after(std::int64_t rounds, double delta) const;

 private:
  std::vector<double> orders_, of_one_;  // RDP of one round, order by order
};

// The least noise, to one part in ten thousand, that spends at most epsilon in so many rounds. The
// rest of `round` is given. 0: no noise up to 10^4 does.
[[nodiscard]] double noise_for(double epsilon, SampledGaussian round, std::int64_t rounds,
                               double delta);

}  // namespace fedfuse
