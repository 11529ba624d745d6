#pragma once
// A secure sum beside the plain one (models.md section 14): clients add masks to their uploads that
// cancel in the sum; the server takes off what is left of those whose clients are gone. It is
// emulated: it says what it costs, and that the sum has the same bits. Its upload is dense.
//
//   check   all invited clients; a window of words; keys from a counter
//   sample  some of them, as if there were no others; all words; keys that pairs agree on, and
//           secrets from shares
#include <cstdint>
#include <memory>
#include <vector>

#include "clients/local_round.hpp"
#include "core/comm.hpp"
#include "kernels/production.hpp"
#include "secure/graph.hpp"
#include "secure/shamir.hpp"
#include "server/round_sums.hpp"
#include "server/uploads.hpp"

namespace fedfuse {

// Over all ranks. Seconds: CPU time.
struct SecureReport {
  std::int64_t clients = 0, gone = 0;  // that share masks; of them, those that did not deliver
  std::int64_t words = 0;              // that each of them masked
  std::int64_t masks = 0;              // that they added, all together
  double share_s = 0;                  // of all of them
  double agree_s = 0, mask_s = 0;      // of those that delivered
  double join_s = 0, unmask_s = 0;     // of the server
  // A client has fewer partners that delivered than the threshold: the round must not happen.
  bool refused = false;
};

class SecureSum {
 public:
  // InputError: a build without OpenSSL; too few clients for a graph that is safe. What it is given
  // must outlive it.
  SecureSum(const Config& config, const ModelSpec& spec, const Dataset& data, int threads,
            const Kernels& kernels);

  // Before anybody trains: who shares masks with whom. invited, came: clients of this rank,
  // ascending. Collective.
  [[nodiscard]] SecureReport meet(std::int64_t round, const std::vector<std::int32_t>& invited,
                                  const std::vector<std::int32_t>& came, const Comm& comm);

  // After the reduction, before noise: clients train once more, and their masked words are added.
  // InternalError when a word of that sum is another one. local: those that came. Collective.
  void check(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
             const RoundSums& sums, const Comm& comm, SecureReport& report);

  [[nodiscard]] int degree() const { return size_.degree; }
  [[nodiscard]] int threshold() const { return size_.threshold; }
  // all words of an upload; 0 before the first check
  [[nodiscard]] std::int64_t upload_words() const { return upload_words_; }

 private:
  struct Work;     // of one check
  struct Scratch;  // of one thread
  struct Shares {
    std::vector<Share> of_self, of_private;  // at the partners
  };
  [[nodiscard]] bool samples() const { return config_.secure.sum == SecureSumKind::sample; }
  [[nodiscard]] std::vector<std::int32_t> members(const std::vector<std::int32_t>& invited,
                                                  std::int64_t round, const Comm& comm) const;
  enum Of : std::uint32_t { of_private_key = 0, of_self_mask = 1 };
  [[nodiscard]] Secret secret(std::int32_t id, Of what) const;
  [[nodiscard]] mask::Key pair_key(const Secret& mine, std::int64_t me, std::int64_t partner) const;
  void publish_keys();
  void share_secrets(SecureReport& report);
  void upload(std::int64_t local, const LocalUpdate& update, const RoundSums& sums, Work& work);
  void unmask(std::int64_t member, Work& work);
  [[nodiscard]] Secret joined(std::int64_t member, std::int64_t place, bool self) const;
  void choose_words(Work& work) const;

  const Config& config_;
  const Dataset& data_;
  const ModelSpec& spec_;
  mask::Function mask_;
  int threads_;
  Participants participants_;
  GraphSize size_;
  std::int64_t round_ = 0, upload_words_ = 0;
  std::unique_ptr<MaskGraph> graph_;   // of the round
  std::vector<std::int32_t> members_;  // of this rank: local clients, ascending
  std::vector<Secret> public_;         // of sample: by place
  std::vector<Shares> shares_;         // of sample: by position in members_
};

}  // namespace fedfuse
