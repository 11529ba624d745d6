#pragma once
// What the tests of this room share: a folder that goes away, files in it, and errors that must say
// something.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/comm.hpp"
#include "core/error.hpp"

namespace fedfuse::test {

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The same folder on every rank of the communicator.
class Folder {
 public:
  explicit Folder(Comm comm = Comm::world()) : comm_(std::move(comm)) {
    if (comm_.root()) {
      path_ = (std::filesystem::temp_directory_path() / "fedfuse-test-XXXXXX").string();
      EXPECT_NE(::mkdtemp(path_.data()), nullptr);
    }
    comm_.broadcast(path_);
  }
  ~Folder() {
    comm_.barrier();
    std::error_code error;
    if (comm_.root()) std::filesystem::remove_all(path_, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // Rank 0 writes, all know the path.
  [[nodiscard]] std::string write(const std::string& name, std::string_view content) const {
    if (comm_.root()) std::ofstream(*this / name, std::ios::binary) << content;
    comm_.barrier();
    return *this / name;
  }
  [[nodiscard]] std::int64_t files() const {
    comm_.barrier();
    return std::distance(std::filesystem::directory_iterator(path_),
                         std::filesystem::directory_iterator());
  }

 private:
  Comm comm_;
  std::string path_;
};

// work throws InputError whose text has all these parts, a reason and advice.
template <class Work>
void expect_input_error(Work&& work, std::initializer_list<std::string_view> parts) {
  try {
    work();
    ADD_FAILURE() << "nothing was thrown; expected an error about: " << *parts.begin();
  } catch (const InputError& e) {
    const std::string_view text = e.what();
    for (const auto part : parts)
      EXPECT_NE(text.find(part), std::string_view::npos) << "'" << part << "' is not in: " << text;
    EXPECT_NE(text.find("why:"), std::string_view::npos);
    EXPECT_NE(text.find("do:"), std::string_view::npos);
  }
}

}  // namespace fedfuse::test
