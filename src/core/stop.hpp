#pragma once
// A request to end long work early.
#include <exception>
#include <functional>

namespace fedfuse {

// True once the work shall end; any thread may ask. Empty: it never shall.
using Stop = std::function<bool()>;

[[nodiscard]] inline bool is_asked(const Stop& stop) { return stop && stop(); }

// No failure: the work ended because somebody asked for it, and left no trace.
class Stopped : public std::exception {
 public:
  [[nodiscard]] const char* what() const noexcept override { return "the work was stopped"; }
};

}  // namespace fedfuse
