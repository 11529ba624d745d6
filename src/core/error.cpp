#include "core/error.hpp"

#include "core/text.hpp"

namespace fedfuse {

InputError::InputError(const std::string& problem, const std::string& why,
                       const std::string& what_to_do)
    : std::runtime_error(cat(problem, "\n  why: ", why, "\n  do:  ", what_to_do)) {}

namespace detail {
void check_failed(const char* expression, const char* file, int line, const std::string& message) {
  throw InternalError(cat(file, ":", line, ": check `", expression, "` failed: ", message));
}
}  // namespace detail

}  // namespace fedfuse
