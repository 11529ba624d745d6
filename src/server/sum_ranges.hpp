#pragma once
// The ranges of a round's sums (R7) follow the data. Every kind of number has a range of its own, a
// power of two above each |x| that is summed: 2^10 at first. A round with a larger |x| raises it
// and is done again; it never falls. All ranks have the same ranges.
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clients/state_visitor.hpp"
#include "core/comm.hpp"

namespace fedfuse {

// group_rows: virtual updates of views (rows that clients train are in the range of `rows`), and
// scores of rows;
// group_heads: all else that a group sums of a member.
enum class SumKind { rows, head, losses, rho, group_rows, group_heads };
inline constexpr std::size_t sum_kinds = 6;
[[nodiscard]] std::string_view words_for(SumKind kind);

// A |x| of each kind.
using SumValues = std::array<double, sum_kinds>;

// Why the sums of a pass do not take all clients: those of this rank, or of all (agreed()).
struct Misfit {
  std::optional<std::int64_t> not_finite;  // the least id of a client with such a value
  std::optional<std::int64_t> too_large;   // the least id of a client beyond every range
  SumValues largest{};  // of each kind, the largest finite |x| beyond its range; 0: none
  [[nodiscard]] bool any() const;
};
// Collective: of all ranks, the same on all.
[[nodiscard]] Misfit agreed(const Misfit& mine, const Comm& comm);

class SumRanges {
 public:
  static constexpr std::int64_t least = 10, most = 40;  // powers of two
  SumRanges() { log2_.fill(least); }

  [[nodiscard]] std::int64_t log2(SumKind kind) const { return log2_[std::size_t(kind)]; }
  [[nodiscard]] double limit(SumKind kind) const;  // every |x| must be below it
  [[nodiscard]] std::int64_t largest_log2() const;

  struct Rise {
    SumKind kind;
    std::int64_t from, to;  // powers of two
    double largest;         // the |x| that asked for it
  };
  // To the least powers of two above misfit.largest, which are below 2^most.
  std::vector<Rise> raise(const Misfit& misfit);
  // InputError: a checkpoint holds another range. One without ranges leaves them at 2^least.
  void visit(StateVisitor& visitor, const std::string& name);
  bool operator==(const SumRanges&) const = default;

 private:
  std::array<std::int64_t, sum_kinds> log2_{};
};

// What of one client's numbers is beyond its range.
class Excess {
 public:
  explicit Excess(const SumRanges& ranges) : ranges_(ranges) {}
  void look(SumKind kind, std::span<const float> x);
  void look(SumKind kind, std::span<const double> x);
  void look(SumKind kind, double x) { look(kind, std::span<const double>(&x, 1)); }
  void found_not_finite() { finite_ = false; }
  [[nodiscard]] bool finite() const { return finite_; }
  [[nodiscard]] const SumValues& largest() const { return largest_; }  // as Misfit's

 private:
  template <class T>
  void look_at(SumKind kind, std::span<const T> x);
  SumRanges ranges_;
  SumValues largest_{};
  bool finite_ = true;
};

// The clients of this rank that a pass finds, whatever thread finds them first.
class MisfitClients {
 public:
  void offer(std::int64_t id, const Excess& excess);  // thread-safe
  [[nodiscard]] const Misfit& found() const { return misfit_; }

 private:
  std::mutex one_;
  Misfit misfit_;
};

}  // namespace fedfuse
