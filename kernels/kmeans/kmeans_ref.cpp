// Naive, in double: one distance after the other. Shares nothing with the variants.
#include <vector>

#include "kernels/kmeans/kmeans.hpp"

namespace fedfuse::kmeans {
namespace {

double squared_distance(const double* a, const double* b, std::int64_t columns) {
  double sum = 0;
  for (std::int64_t j = 0; j < columns; ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

std::int64_t members(const std::vector<std::int32_t>& group, std::int64_t g) {
  std::int64_t n = 0;
  for (const auto other : group) n += other == g ? 1 : 0;
  return n;
}

}  // namespace

void nearest_reference(const Nearest& p, std::int32_t* group) {
  for (std::int64_t i = 0; i < p.count; ++i) {
    double best = 0;
    for (std::int64_t g = 0; g < p.groups; ++g) {
      double score = 0;
      for (std::int64_t j = 0; j < p.columns; ++j)
        score += p.weight[j * p.groups + g] * (double(p.points[i * p.columns + j]) - p.mean[j]);
      score += p.square[g];
      if (g == 0 || score < best) {
        best = score;
        group[i] = std::int32_t(g);
      }
    }
  }
}

void step_reference(const Step& p, StepResult& out) {
  std::vector<double> distance;
  out.group.clear();
  for (std::int64_t i = 0; i < p.count; ++i) {
    std::int32_t nearest = 0;
    double best = squared_distance(p.points + i * p.columns, p.centres, p.columns);
    for (std::int64_t g = 1; g < p.groups; ++g) {
      const double d =
          squared_distance(p.points + i * p.columns, p.centres + g * p.columns, p.columns);
      if (d < best) {
        best = d;
        nearest = std::int32_t(g);
      }
    }
    out.group.push_back(nearest);
    distance.push_back(best);
  }
  for (std::int64_t g = 0; g < p.groups; ++g) {
    if (members(out.group, g) > 0) continue;
    std::int64_t taken = -1;
    for (std::int64_t i = 0; i < p.count; ++i)
      if ((taken < 0 || distance[std::size_t(i)] > distance[std::size_t(taken)]) &&
          members(out.group, out.group[std::size_t(i)]) > 1)
        taken = i;
    out.group[std::size_t(taken)] = std::int32_t(g);
    distance[std::size_t(taken)] = 0;
  }
  out.centres.assign(std::size_t(p.groups * p.columns), 0.0);
  for (std::int64_t g = 0; g < p.groups; ++g)
    for (std::int64_t j = 0; j < p.columns; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < p.count; ++i)
        sum += out.group[std::size_t(i)] == g ? p.points[i * p.columns + j] : 0.0;
      out.centres[std::size_t(g * p.columns + j)] = sum / double(members(out.group, g));
    }
  out.inertia = 0;
  for (const double d : distance) out.inertia += d;
}

}  // namespace fedfuse::kmeans
