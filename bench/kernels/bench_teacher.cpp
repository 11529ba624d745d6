// GFMFR's steps that one rank does alone: an epoch of the teacher, which every rank repeats, and
// the clustering of the clients' heads. What the cost model (bench/rounds/model.py) cannot divide
// by the ranks.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <cstdlib>
#include <vector>

#include "core/comm.hpp"
#include "core/rng.hpp"
#include "server/grouping.hpp"
#include "server/teacher.hpp"

namespace fedfuse::bench {
namespace {

// Without mpirun: a world of one. Ends with the program.
Comm alone() {
  setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);  // no daemon of Open MPI's
  static int argc = 0;
  static char** argv = nullptr;
  static const MpiSession session(argc, argv);
  return Comm::self();
}

Matrix<float> noise(std::int64_t rows, std::int64_t cols, std::uint64_t who) {
  const Rng rng(1, Purpose::test);
  Matrix<float> m(rows, cols);
  for (std::size_t k = 0; k < m.values.size(); ++k)
    m.values[k] = float(rng.normal(who, 0, std::uint32_t(k)));
  return m;
}

// M items with text and image features of one width, 5 groups, d = 64, batches of 256 pairs, Adam;
// by default as `fedfuse train` has it.
void teacher_epoch(benchmark::State& state) {
  omp_set_num_threads(1);
  const auto comm = alone();
  Config config;
  config.model.fusion = "gfmfr";
  config.gfmfr.teacher.epochs = 1;
  Dataset data;
  data.items = state.range(0);
  data.text = noise(data.items, state.range(1), 1);
  data.image = noise(data.items, state.range(1), 2);
  data.has_text.assign(std::size_t(data.items), 1);
  data.has_image.assign(std::size_t(data.items), 1);
  GroupTeacher teacher(config, resolve(config), data);
  std::vector<Matrix<float>> targets;
  targets.reserve(std::size_t(config.gfmfr.groups));
  for (std::int64_t l = 0; l < config.gfmfr.groups; ++l)
    targets.push_back(noise(data.items, config.model.dim, std::uint64_t(10 + l)));
  std::int64_t round = 0;
  for (auto _ : state) benchmark::DoNotOptimize(teacher.train(targets, ++round, comm));
  state.counters["items/s"] =
      benchmark::Counter(double(data.items), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(teacher_epoch)->Args({2000, 32})->Args({560, 512})->Unit(benchmark::kMillisecond);

// n clients' linear heads around 5 centres. Up to --landmarks of them are clustered spectrally by
// rank 0, the others go to the nearest centre.
void group_heads(benchmark::State& state) {
  omp_set_num_threads(1);
  const auto comm = alone();
  const Config config;
  const auto n = state.range(0);
  const auto heads = config.model.dim + 1;
  const auto centres = noise(config.gfmfr.groups, heads, 20);
  auto vectors = noise(n, heads, 21);
  std::vector<std::int32_t> ids(std::size_t(n), 0), none(std::size_t(n), -1);
  for (std::int64_t u = 0; u < n; ++u) {
    ids[std::size_t(u)] = std::int32_t(u);
    for (std::int64_t j = 0; j < heads; ++j)
      vectors(u, j) = centres(u % config.gfmfr.groups, j) + 0.5f * vectors(u, j);
  }
  for (auto _ : state)
    benchmark::DoNotOptimize(group_clients(config, {vectors, ids, none, none}, 1, comm));
  state.counters["clients/s"] =
      benchmark::Counter(double(n), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(group_heads)->Arg(2048)->Arg(20000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace fedfuse::bench
