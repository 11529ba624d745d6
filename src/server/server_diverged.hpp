#pragma once
// What the server makes of a round is not finite. All ranks throw it, and the state is that before
// the round: the round never happened.
#include <string>

#include "core/comm.hpp"
#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse {

class ServerDiverged : public InputError {
 public:
  // part: of the server, e.g. "the teacher".
  ServerDiverged(std::string part, std::string why, std::string what_to_do)
      : InputError(cat("training diverged at ", part), why, what_to_do),
        part_(std::move(part)),
        why_(std::move(why)),
        what_to_do_(std::move(what_to_do)) {}
  [[nodiscard]] const std::string& part() const { return part_; }
  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] const std::string& what_to_do() const { return what_to_do_; }

 private:
  std::string part_, why_, what_to_do_;
};

// Collective: one rank that finds it is enough.
inline void throw_if_diverged(bool diverged, const Comm& comm, const std::string& part,
                              const std::string& why, const std::string& what_to_do) {
  if (comm.max(std::int64_t(diverged ? 1 : 0)) != 0) throw ServerDiverged(part, why, what_to_do);
}

}  // namespace fedfuse
