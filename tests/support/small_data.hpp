#pragma once
// Small generated data sets in the temporary folder, removed with the object. Every rank makes its
// own copy, so that a test can read it with all ranks or alone.
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/comm.hpp"
#include "core/text.hpp"
#include "data/generate.hpp"
#include "data/read_dataset.hpp"

namespace fedfuse::test {

class SmallData {
 public:
  explicit SmallData(GenerateOptions options) {
    path_ = (std::filesystem::temp_directory_path() /
             cat("fedfuse_test_", getpid(), "_", options.users, "_", options.seed, ".h5"))
                .string();
    options.out = path_;
    options.overwrite = true;
    generate(options, Comm::self());
  }
  SmallData() : SmallData(default_options()) {}
  ~SmallData() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  SmallData(const SmallData&) = delete;
  SmallData& operator=(const SmallData&) = delete;

  [[nodiscard]] Dataset alone() const { return read_dataset(path_, Comm::self()); }
  // With all ranks: they must agree on one file, rank 0's.
  [[nodiscard]] Dataset together(const Comm& comm) const {
    std::string path = path_;
    comm.broadcast(path);
    auto data = read_dataset(path, comm);
    comm.barrier();
    return data;
  }
  static GenerateOptions default_options() {
    GenerateOptions o;
    o.users = 40;
    o.items = 60;
    o.groups = 3;
    o.dim_text = 12;
    o.dim_image = 8;
    o.activity = 9;
    o.seed = 3;
    o.missing = 0.1;
    return o;
  }

 private:
  std::string path_;
};

}  // namespace fedfuse::test
