// A checkpoint of fcf's state, written to the disk by all ranks through parallel HDF5, read back
// with its checksums, and compared. Written: until the disk has it (fsync). Read: every byte is
// verified, then loaded; the file is usually still in the page cache. Seconds are of the slowest
// rank. JSON on stdout or in --out; exit code 1 when a byte came back changed.
//   mpirun -n 2 bench_io --data data.h5 --scratch FILE [--repeats 5] [--out FILE]
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "core/config/check.hpp"
#include "core/number.hpp"
#include "core/timer.hpp"
#include "data/read_dataset.hpp"
#include "results/checkpoint.hpp"
#include "results/provenance.hpp"

namespace fedfuse::bench {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string data, scratch, out;
  std::int64_t repeats = 5;
};

// The arrays that fcf with linear heads keeps. Every value depends on its place, so that a byte in
// a wrong place is seen.
class State {
 public:
  explicit State(const Dataset& data)
      : table_(data.items, dim), heads_(std::size_t(data.local_clients()) * width) {
    fill(table_.span(), 0);
    for (std::int64_t u = 0; u < data.local_clients(); ++u)
      fill(std::span(heads_).subspan(std::size_t(u) * width, width),
           data.client_ids[std::size_t(u)]);
  }
  void visit(StateVisitor& visitor) {
    visitor.matrix("server/table", table_);
    visitor.clients("clients/head", width, heads_);
  }
  void clear() {
    std::ranges::fill(table_.span(), 0.0F);
    std::ranges::fill(heads_, 0.0F);
  }
  [[nodiscard]] std::int64_t wrong_bytes(const State& other, const Comm& comm) const {
    const auto wrong = [](std::span<const float> a, std::span<const float> b) {
      if (a.size() != b.size()) return std::int64_t(std::max(a.size_bytes(), b.size_bytes()));
      std::int64_t count = 0;
      for (std::size_t i = 0; i < a.size(); ++i) count += a[i] != b[i] ? 4 : 0;
      return count;
    };
    const auto table = comm.max(wrong(table_.span(), other.table_.span()));
    return table + comm.sum(wrong(heads_, other.heads_));
  }

 private:
  static constexpr std::int64_t dim = 64, width = dim + 1;
  static void fill(std::span<float> values, std::int64_t start) {
    constexpr std::int64_t period = 1 << 20;
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = float((start * 7919 + std::int64_t(i)) % period + 1);
  }
  Matrix<float> table_;
  Array<float> heads_;
};

struct Measured {
  std::int64_t bytes = 0, wrong = 0;
  std::vector<double> write, read;
};

Measured measure(const Options& options, const Dataset& data, const Comm& comm) {
  const auto header = header_of(1, Config{}, data, Identity{});
  const State right(data);
  State state(data);
  const auto visit = [&](StateVisitor& visitor) { state.visit(visitor); };
  const auto seconds_since = [&](double start) { return comm.max(now_seconds() - start); };
  Measured found;
  for (std::int64_t n = 0; n < options.repeats; ++n) {
    comm.barrier();
    double start = now_seconds();
    auto written = write_checkpoint(options.scratch, header, visit, data, comm);
    written.commit->wait();
    found.write.push_back(seconds_since(start));
    found.bytes = written.bytes;
    state.clear();
    comm.barrier();
    start = now_seconds();
    const bool whole = verify_checkpoint(options.scratch, comm).header.has_value();
    if (whole) load_checkpoint(options.scratch, visit, data, comm);
    found.read.push_back(seconds_since(start));
    found.wrong += state.wrong_bytes(right, comm);
    comm.on_root([&] { std::remove(options.scratch.c_str()); });
  }
  return found;
}

int run(const Comm& comm, const Options& options, const std::vector<std::string>& argv) {
  const auto data = read_dataset(options.data, comm);
  const auto found = measure(options, data, comm);
  auto provenance = Json::parse(provenance_json(argv, 1, comm, {}));
  provenance["program"] = "bench_io";
  const Json document{{"format", "fedfuse-io"},     {"schema_version", 1},
                      {"ranks", comm.size()},       {"clients", data.clients},
                      {"items", data.items},        {"bytes", found.bytes},
                      {"wrong_bytes", found.wrong}, {"write_seconds", found.write},
                      {"read_seconds", found.read}, {"identity", {{"program", program_hash()}}},
                      {"provenance", provenance}};
  comm.on_root([&] {
    if (options.out.empty())
      std::cout << document.dump(1) << "\n";
    else if (!(std::ofstream(options.out) << document.dump(1) << "\n"))
      throw InputError(options.out, "it cannot be written", "give another --out");
    if (found.wrong != 0) std::cerr << "fedfuse: error: bytes came back changed: wrong_bytes\n";
  });
  return found.wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace fedfuse::bench

int main(int argc, char** argv) {
  using namespace fedfuse;
  const MpiSession session(argc, argv);
  bench::Options options;
  CLI::App app("a checkpoint written, read back and compared");
  app.add_option("--data", options.data, "data set whose clients and items are stored")->required();
  app.add_option("--scratch", options.scratch, "file that is written and removed")->required();
  app.add_option("--out", options.out, "JSON file");
  app.add_option_function<std::string>(
      "--repeats",
      [&](const std::string& word) { parse_number(options.repeats, "--repeats", word); },
      "writes and reads");
  const auto comm = Comm::world();
  try {
    app.parse(argc, argv);
    within("repeats", options.repeats, 1, 1000);
    return bench::run(comm, options, {argv, argv + argc});
  } catch (const InputError& e) {
    if (comm.root()) std::cerr << "fedfuse: error: " << e.what() << "\n";
    return 2;
  } catch (const CLI::ParseError& e) {
    if (comm.root()) app.exit(e);
    return e.get_exit_code() == 0 ? 0 : 2;
  }
}
