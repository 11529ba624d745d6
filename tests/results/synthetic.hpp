#pragma once
// A run without training: every value is a function of the global client id, so that what a file
// must hold is known whatever the ranks.
#include <string>

#include "results/record.hpp"

namespace fedfuse::test {

inline constexpr std::int64_t clients = 37, items = 60, rounds = 4;

// A folder of this process's job, the same on every rank; removed at the end.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const Comm& comm);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> entries() const;

 private:
  const Comm& comm_;
  std::string path_;
};

// How clients are dealt to ranks: unlike the blocks of the file in both cases.
enum class Deal { round_robin, reversed_blocks };
[[nodiscard]] Dataset synthetic_data(const Comm& comm, Deal deal);

float value(std::int64_t client, std::int64_t column, int array);
std::int32_t group_of(std::int64_t client, std::int64_t round);
std::int64_t overlay_rows_of(std::int64_t client);

struct Run {
  RunRecord record;
  ModelSpec spec;
  GlobalModel global;
  ClientState state;
};
[[nodiscard]] Run synthetic_run(const std::string& backbone, const std::string& fusion,
                                double personal_init_std, const Dataset& data, const Comm& comm);

}  // namespace fedfuse::test
