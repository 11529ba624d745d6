#pragma once
// Two kinds of failure. InputError: a file, option or value of the user is wrong. It says what, why
// and what to do; the exit code is 2. InternalError: an assumption of the program does not hold. It
// says the expression and the place; the exit code is 1.
#include <stdexcept>
#include <string>

namespace fedfuse {

class InputError : public std::runtime_error {
 public:
  InputError(const std::string& problem, const std::string& why, const std::string& what_to_do);
  // Rebuilds an error that another rank sent as text.
  explicit InputError(const std::string& whole) : std::runtime_error(whole) {}
};

class InternalError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {
[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               const std::string& message);
}

}  // namespace fedfuse

// An assumption of ours; evaluated in every build type.
#define FEDFUSE_CHECK(expression, message) \
  ((expression) ? void(0)                  \
                : ::fedfuse::detail::check_failed(#expression, __FILE__, __LINE__, (message)))
