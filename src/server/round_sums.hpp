#pragma once
// The sums of one round, all in 64-bit fixed point (R7): the same bits in any order.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "aggregation/row_sum.hpp"
#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "core/rows.hpp"
#include "kernels/production.hpp"
#include "model/spec.hpp"
#include "server/robust_rows.hpp"
#include "server/sum_ranges.hpp"
#include "server/upload_norms.hpp"
#include "server/uploads.hpp"

namespace fedfuse {

// What a client's rows weigh. By counts a row's step is a sum over samples already: a client of
// many counts once.
[[nodiscard]] inline std::int64_t weight_of_rows(const ModelSpec& spec, std::int64_t weight) {
  return spec.counts_rows ? 1 : weight;
}

// Of sums of so much weight.
[[nodiscard]] inline FixedPoint fixed_for(std::int64_t weight, const SumRanges& ranges,
                                          SumKind kind) {
  return FixedPoint::for_total_weight(weight, ranges.limit(kind));
}

// The weights n_u of a round.
struct RoundWeight {
  std::int64_t taken = 0;          // of the participants, together
  std::int64_t most = 0;           // no more can come: it gives the sums their unit
  double divisor = 0;              // W of the means; taken, or what --sampling poisson expects
  RoundWeight(std::int64_t total)  // NOLINT(google-explicit-constructor): a sum of weights is one
      : taken(total), most(total), divisor(double(total)) {}
  RoundWeight(std::int64_t of_participants, std::int64_t at_most, double expected)
      : taken(of_participants), most(at_most), divisor(expected) {}
};
[[nodiscard]] RoundWeight weight_of_round(const Config& config, const ModelSpec& spec,
                                          const Dataset& data, std::int64_t taken);

// First pass: sum over participants of weight * (row updates per view, head, rho, losses).
class RoundSums {
 public:
  RoundSums(const ModelSpec& spec, std::int64_t items, const RoundWeight& weight,
            const Kernels& kernels = {}, const SumRanges& ranges = {});
  // An order statistic takes the place of the rows' sums.
  void defend(const AttackOptions& options, row_median::Function kernel);
  // Thread-safe. False: a value, or one that a group would sum of the client beside its rows, is
  // not finite or beyond its range; then the sums are invalid, and excess() says why.
  [[nodiscard]] bool add(const LocalUpdate& update, std::int64_t weight);
  [[nodiscard]] Excess excess(const LocalUpdate& update) const;
  // The same of clients whose heads and rows are added up elsewhere (a device): their losses, how
  // many rows they touched, rho. A thread adds up those of some clients.
  class Numbers {
   public:
    explicit Numbers(const RoundSums& of)
        : weighted_rho_(of.weighted_rho_.part()),
          losses_(of.losses_.part()),
          counts_(of.counts_.part()) {}
    [[nodiscard]] bool add(const local_train::Outcome& outcome, std::int64_t touched, double rho,
                           std::int64_t weight);

   private:
    friend class RoundSums;
    FixedPart weighted_rho_, losses_, counts_;
  };
  void add(const Numbers& numbers);  // thread-safe
  // Of such a client, without its rows and a shared head. theta: with a teacher.
  [[nodiscard]] Excess excess(const local_train::Outcome& outcome, double rho,
                              std::span<const float> theta, std::span<const float, 3> omega) const;
  // ... and those, with fixed(): rows of a view from `first` on, as RowSum::merge; the head, whole:
  // of all ranks already.
  void merge(std::size_t view, std::int64_t first, std::span<const std::int64_t> rows,
             const Comm* over) {
    rows_[view].merge(first, rows, over);
  }
  // by counts: their weights, before the rows
  void merge_weight(std::int64_t first, std::span<const std::int64_t> weight) {
    rows_.front().merge_weight(first, weight);
  }
  void merge_theta(std::span<const std::int64_t> theta, bool whole) { theta_.merge(theta, whole); }
  [[nodiscard]] const FixedPoint& fixed() const { return rows_.front().fixed(); }
  [[nodiscard]] const FixedPoint& fixed_head() const { return theta_.fixed(); }
  [[nodiscard]] const SumRanges& ranges() const { return ranges_; }
  // Without it every rank gets all sums. With it rows go to their owners, who decode them; what all
  // ranks have already (a device's) stays.
  void to_owners(const RowSplit& split) { owners_ = split; }
  void reduce(const Comm& comm);
  // After reduce: the rows that this rank holds and decodes
  [[nodiscard]] RowRange held() const { return owners_ ? owners_->mine() : RowRange{0, items_}; }
  // The words of these sums as one vector (round_sums_words.cpp): the rows of each view, item by
  // item; by counts the weights of the rows; a shared head; rho, losses and counts.
  [[nodiscard]] std::int64_t words() const;
  // words [first, first + to.size()) += what add() adds there of a client that fits
  void add_words(const LocalUpdate& update, std::int64_t weight, std::int64_t first,
                 std::span<std::uint64_t> to) const;
  // After reduce, before add_noise, without owners: those words of the sums.
  void copy_words(std::int64_t first, std::span<std::uint64_t> to) const;
  // After reduce, once: on all that the next model is made of.
  void add_noise(const SumNoise& noise);

  // After reduce. R1: C' = (sum alpha rho) C + sum alpha delta; by counts the second sum is over
  // the clients that touched a row, over their number, times server_rate (eta_S).
  // M x d; right in the rows of held(), until complete().
  [[nodiscard]] Matrix<float> aggregated_table(const Matrix<float>& table, double server_rate);
  // Gets the rows of the other ranks' owners. Collective.
  void complete(Matrix<float>& aggregated, const Comm& comm) const;
  // weighted by alpha_u; M x d, in the rows of held()
  [[nodiscard]] std::vector<Matrix<float>> mean_view_gradients();
  // numbers of rows that those two made of sums, on this rank
  [[nodiscard]] std::int64_t decoded() const { return decoded_; }
  // start: the head of this round
  [[nodiscard]] Array<float> mean_theta(const Array<float>& start) const;
  // by counts, of each row: the weight of the clients that touched it
  [[nodiscard]] const std::vector<std::int64_t>& row_weight() const {
    return rows_.front().weight();
  }
  // Gives back the memory of the rows; heads and scalars stay.
  void release_rows() { rows_.clear(); }
  struct Means {  // over participants, unweighted; NaN without one
    double loss, loss_recommendation, loss_distillation, touched;
  };
  [[nodiscard]] Means means() const;
  // before the clip; NaN without one
  [[nodiscard]] UploadNorms::Summary norms() const { return norms_.summary(); }

 private:
  // What one client adds to the round's losses and counts.
  static std::array<double, 3> losses_of(const local_train::Outcome& outcome);
  static std::array<double, 2> counts_of(std::int64_t touched) { return {double(touched), 1.0}; }
  // of the old table: clients that could have come and did not leave all of it
  [[nodiscard]] double kept() const;

  const ModelSpec& spec_;
  std::int64_t items_;
  RoundWeight weight_;
  SumRanges ranges_;
  std::optional<RowSplit> owners_;
  std::vector<RowSum> rows_;  // one a view
  // counts: touched rows, and 1 of each participant
  FixedSum theta_, weighted_rho_, losses_, counts_;
  UploadNorms norms_;
  std::int64_t decoded_ = 0;
  std::unique_ptr<RobustRows> robust_;  // null where rows are summed
};

// w_l: G x d, the mean last layer of the members of each group; the global one where a group has
// none. group: of each participant of this rank, -1: none. theta: participants x head, which have
// passed the round's sums. Collective.
[[nodiscard]] Matrix<float> mean_last_weights(const ModelSpec& spec, const GlobalModel& global,
                                              const std::vector<std::int64_t>& sizes,
                                              std::span<const std::int32_t> group,
                                              const Matrix<float>& theta, const SumRanges& ranges,
                                              const Comm& comm);

// Second pass: means over the members of each group (R1 with alpha = 1/|group|).
class GroupSums {
 public:
  // weights: G x d, w_l, where the groups sum scores (spec.group_scores); else empty. rows: where
  // they are added up; a device's are not the host's memory.
  enum class Rows { on_host, on_device };
  GroupSums(const ModelSpec& spec, std::int64_t items, const std::vector<std::int64_t>& sizes,
            const Kernels& kernels = {}, const SumRanges& ranges = {}, Matrix<float> weights = {},
            Rows rows = Rows::on_host);
  // Whether the sums take what a member adds beside its rows, whatever its group.
  [[nodiscard]] static bool take(const ModelSpec& spec, const SumRanges& ranges, double rho,
                                 std::span<const float> theta, std::span<const float, 3> omega);
  static void look(const ModelSpec& spec, double rho, std::span<const float> theta,
                   std::span<const float, 3> omega, Excess& excess);
  // As RoundSums::add. thread-safe
  [[nodiscard]] bool add(std::int32_t group, const Upload& upload, std::span<const float> theta,
                         const float* omega);
  [[nodiscard]] Excess excess(std::int32_t group, const Upload& upload,
                              std::span<const float> theta, std::span<const float, 3> omega) const;
  // of its rows, or of their scores
  [[nodiscard]] static SumKind kind_of_rows(const ModelSpec& spec) {
    return spec.rows_trained && !spec.group_scores ? SumKind::rows : SumKind::group_rows;
  }
  // The same of members whose rows are added up elsewhere; a thread adds up some members.
  class Numbers {
   public:
    explicit Numbers(const GroupSums& of);
    [[nodiscard]] bool add(std::int32_t group, float rho, std::span<const float> theta,
                           const float* omega);

   private:
    friend class GroupSums;
    const ModelSpec& spec_;
    std::vector<FixedPart> small_;
    std::vector<float> member_;
  };
  void add(const Numbers& numbers);  // thread-safe
  // ... and those rows, with fixed(group), as RowSum::merge.
  void merge(std::size_t group, std::int64_t first, std::span<const std::int64_t> rows,
             const Comm* over) {
    rows_[group].merge(first, rows, over);
  }
  [[nodiscard]] const FixedPoint& fixed(std::size_t group) const { return rows_[group].fixed(); }
  [[nodiscard]] const SumRanges& ranges() const { return ranges_; }
  [[nodiscard]] std::int64_t groups() const { return std::int64_t(sizes_.size()); }
  void to_owners(const RowSplit& split) { owners_ = split; }  // as RoundSums
  void reduce(const Comm& comm);
  [[nodiscard]] RowRange held() const { return owners_ ? owners_->mine() : RowRange{0, items_}; }

  // Rows `of`, which this rank must hold, of C_l of every group: its members' mean table; the
  // global one where a group has no member here.
  [[nodiscard]] std::vector<Matrix<float>> targets(const GlobalModel& global, RowRange of) const;
  // Rows that a device has added up for all ranks and that stay there, with what the clients
  // started from: targets are made there (kernels/group_targets), until its next pass.
  struct OnDevice {
    const std::int64_t* rows = nullptr;  // groups x items x width
    std::array<const float*, group_targets::most_views> view{};
  };
  void stay(const OnDevice& there) { on_device_ = there; }
  [[nodiscard]] bool stays() const { return on_device_.has_value(); }
  // ... those targets, still without a place and with target_factors() in host memory
  [[nodiscard]] group_targets::Problem on_device() const;
  // groups x (1 + views), of kernels/group_targets
  [[nodiscard]] Matrix<double> target_factors() const;
  [[nodiscard]] Matrix<float> last_weights(const GlobalModel& global) const;  // G x d: w_l
  [[nodiscard]] std::vector<float> last_biases(const GlobalModel& global) const;
  // s_l[i] = w_l . C_l[i] without C (R14), where the groups sum scores: M x G, complete on every
  // rank. Collective.
  [[nodiscard]] Matrix<double> scores(const GlobalModel& global, const Comm& comm) const;
  // numbers of sums that either of those two makes targets of, on this rank
  [[nodiscard]] std::int64_t decoded() const {
    return groups() * held().count * (spec_.group_scores ? 1 : spec_.view_width);
  }

 private:
  [[nodiscard]] std::vector<float> scores_of(std::int32_t group, const Upload& upload) const;
  // what the views weigh in a group's table: its members' mean router, or rho of the one table
  [[nodiscard]] std::vector<double> mix_of(std::size_t group) const;
  // of a group's row of small_
  [[nodiscard]] double mean(std::size_t group, std::int64_t column) const;
  const ModelSpec& spec_;
  std::int64_t items_;
  SumRanges ranges_;
  std::vector<std::int64_t> sizes_;
  Matrix<float> weights_;
  std::optional<RowSplit> owners_;
  std::vector<RowSum> rows_;     // one a group
  std::vector<FixedSum> small_;  // one a group: last layer's weights and bias, omega[3], rho
  group_targets::Function targets_;
  std::optional<OnDevice> on_device_;
};

}  // namespace fedfuse
