// All-reduce over sizes, as rounds use it: int64 words, summed in place. Algorithm bandwidth =
// bytes / seconds, bus bandwidth = algorithm bandwidth x 2 (p - 1) / p, which does not grow with
// the ranks. Every size is checked before it is timed, with words whose sum is known; NCCL's rows
// need a device a rank, else the record holds the reason for the skip; iteration counts are rank
// 0's decision. JSON on stdout or in --out (format: results/scaling/README.md); exit code 1 when a
// sum was wrong.
//   mpirun -n 4 bench_collectives [--max-bytes 67108864] [--repeats 7] [--out FILE]
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "collectives/all_reduce.hpp"
#include "core/config/check.hpp"
#include "core/number.hpp"
#include "core/timer.hpp"
#include "results/provenance.hpp"

namespace fedfuse::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::int64_t max_bytes = std::int64_t(64) << 20;
  std::int64_t repeats = 7;
  std::string out;
};

Json measure(const AllReduces& all, const Comm& comm, const Options& options, bool& right) {
  Json rows = Json::array();
  for (const auto& way : all.ways)
    for (std::int64_t bytes = 8; bytes <= options.max_bytes; bytes *= 4) {
      const auto m = measure_all_reduce(*way, comm, bytes, int(options.repeats));
      right = right && m.wrong == 0;
      const double p = comm.size(), algorithm = m.median > 0 ? double(bytes) / m.median : 0;
      rows.push_back({{"collective", way->name()},
                      {"bytes", bytes},
                      {"iterations", m.iterations},
                      {"wrong_words", m.wrong},
                      {"seconds", m.seconds},
                      {"seconds_median", m.median},
                      {"algorithm_bytes_per_s", algorithm},
                      {"bus_bytes_per_s", algorithm * 2 * (p - 1) / p}});
    }
  return rows;
}

// As in a result of `fedfuse train`, without what only a round has.
Json provenance(const std::vector<std::string>& argv, const Comm& comm, const EngineFacts& facts) {
  auto p = Json::parse(provenance_json(argv, 1, comm, facts));
  p["program"] = "bench_collectives";
  p["device"].erase("ranking");
  p["device"].erase("state");
  return p;
}

int run(const Comm& comm, const Options& options, const std::vector<std::string>& argv) {
  bool right = true;
  Json document{{"format", "fedfuse-collectives"},
                {"schema_version", 1},
                {"ranks", comm.size()},
                {"ranks_on_a_node", comm.ranks_on_this_node()}};
  const auto all = all_reduces(comm);
  document["identity"] = {{"program", program_hash()}};
  document["provenance"] = provenance(argv, comm, all.facts);
  if (!all.no_nccl.empty()) document["skipped"] = {{"nccl", all.no_nccl}};
  document["rows"] = measure(all, comm, options, right);
  if (comm.root()) {
    if (options.out.empty())
      std::cout << document.dump(1) << "\n";
    else if (!(std::ofstream(options.out) << document.dump(1) << "\n")) {
      right = false;
      std::cerr << "fedfuse: error: cannot write " << options.out << "\n";
    }
    if (!right) std::cerr << "fedfuse: error: a check failed: see wrong_words\n";
  }
  return right ? 0 : 1;
}

}  // namespace
}  // namespace fedfuse::bench

int main(int argc, char** argv) {
  using namespace fedfuse;
  const MpiSession session(argc, argv);
  bench::Options options;
  CLI::App app("all-reduce bandwidth, checked");
  const auto number = [&app](const char* name, std::int64_t& value, const char* what) {
    app.add_option_function<std::string>(
        name, [&value, name](const std::string& word) { parse_number(value, name, word); }, what);
  };
  number("--max-bytes", options.max_bytes, "largest message of a rank");
  number("--repeats", options.repeats, "timings of each size");
  app.add_option("--out", options.out, "JSON file");
  const auto comm = Comm::world();
  try {
    app.parse(argc, argv);
    within("max-bytes", options.max_bytes, 8, std::int64_t(1) << 32);
    within("repeats", options.repeats, 1, 1000);
  } catch (const InputError& e) {
    if (comm.root()) std::cerr << "fedfuse: error: " << e.what() << "\n";
    return 2;
  } catch (const CLI::ParseError& e) {
    if (comm.root()) app.exit(e);
    return e.get_exit_code() == 0 ? 0 : 2;
  }
  return bench::run(comm, options, {argv, argv + argc});
}
