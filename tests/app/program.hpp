#pragma once
// Running the program as a person does.
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fedfuse::test {

struct Outcome {
  int code = -1;       // 124: it hung and was ended
  std::string output;  // stdout and stderr
  [[nodiscard]] bool says(const std::string& part) const {
    return output.find(part) != std::string::npos;
  }
};

// A line for the shell, ended after a minute.
Outcome shell(const std::string& line);
Outcome fedfuse(const std::string& arguments);                // alone
Outcome fedfuse_on(int ranks, const std::string& arguments);  // under mpirun

// Many lines at once: they mostly wait for MPI to start and to end.
std::vector<Outcome> side_by_side(const std::vector<std::string>& lines);

// A folder with a small data set, data.h5 (60 clients, 60 items), a result of one round on it,
// run.h5, and files that are neither. Made once for the process; removed at its end.
class Place {
 public:
  static const Place& get();
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::vector<std::string> entries() const;

 private:
  Place();
  std::string path_;
};

// What every refusal must be: exit code 2, a problem with its reason and its cure said once.
void expect_refused(const Outcome& outcome, const std::string& because);
// Runs work, which must not make or remove a file of the place.
template <class Work>
void without_a_trace(Work&& work) {
  const auto before = Place::get().entries();
  work();
  EXPECT_EQ(Place::get().entries(), before) << "a file was made or lost";
}
struct RefusedLine {
  std::string line, because;
};
// Side by side, and without a trace.
void expect_all_refused(const std::vector<RefusedLine>& cases);
std::string read_text(const std::string& path);
void write_text(const std::string& path, const std::string& text);

}  // namespace fedfuse::test
