// What a round's masks do: clients add them, the server takes them off, the words are compared.
#include <algorithm>
#include <mutex>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "secure/agreement.hpp"
#include "server/engine.hpp"
#include "server/secure_sum.hpp"

namespace fedfuse {
namespace {

using Words = std::vector<std::uint64_t>;

void add(Words& to, const Words& words) {
  for (std::size_t w = 0; w < to.size(); ++w) to[w] += words[w];
}

// Wraps around, as the ring does.
void sum_over_ranks(Words& words, const Comm& comm) {
  comm.sum({reinterpret_cast<std::int64_t*>(words.data()), words.size()});
}

}  // namespace

struct SecureSum::Scratch {
  Words words, plain, sent, removed;
  std::vector<mask::Mask> masks;
  SecureReport spent;
};

struct SecureSum::Work {
  std::int64_t first = 0;
  std::size_t n = 0;
  bool keeps_plain = false;
  std::mutex one;
  std::vector<std::unique_ptr<Scratch>> idle;

  std::unique_ptr<Scratch> take() {
    const std::lock_guard hold(one);
    if (!idle.empty()) {
      auto scratch = std::move(idle.back());
      idle.pop_back();
      return scratch;
    }
    auto scratch = std::make_unique<Scratch>();
    for (auto* words : {&scratch->words, &scratch->sent, &scratch->removed}) words->resize(n);
    scratch->plain.resize(keeps_plain ? n : 0);
    return scratch;
  }
  void give(std::unique_ptr<Scratch> scratch) {
    const std::lock_guard hold(one);
    idle.push_back(std::move(scratch));
  }
  // Of all threads and ranks.
  [[nodiscard]] Words total(Words Scratch::* part, const Comm& comm) const {
    Words sum(n);
    for (const auto& scratch : idle) add(sum, (*scratch).*part);
    sum_over_ranks(sum, comm);
    return sum;
  }
  // What all threads and ranks spent.
  void tell(SecureReport& report, const Comm& comm) const {
    report.words = std::int64_t(n);
    for (const auto& scratch : idle) {
      const auto& spent = scratch->spent;
      report.masks += spent.masks;
      report.agree_s += spent.agree_s;
      report.mask_s += spent.mask_s;
      report.join_s += spent.join_s;
      report.unmask_s += spent.unmask_s;
    }
    report.masks = comm.sum(report.masks);
    for (auto* seconds :
         {&report.agree_s, &report.share_s, &report.mask_s, &report.join_s, &report.unmask_s})
      *seconds = comm.mean(*seconds) * comm.size();
  }
};

// A client's masked words.
void SecureSum::upload(std::int64_t local, const LocalUpdate& update, const RoundSums& sums,
                       Work& work) {
  if (!std::ranges::binary_search(members_, std::int32_t(local))) return;
  auto scratch = work.take();
  auto& [words, plain, sent, removed, masks, spent] = *scratch;
  std::ranges::fill(words, 0);
  sums.add_words(update, weight_of(spec_, data_, local), work.first, words);
  if (work.keeps_plain) add(plain, words);
  const auto id = data_.client_ids[std::size_t(local)];
  const auto place = graph_->place_of(id);
  {
    const CpuClock clock(spent.agree_s);
    const auto mine = secret(id, of_private_key);
    masks.assign(1, {mask_key(secret(id, of_self_mask)), false});
    for (int n = 0; n < graph_->degree(); ++n) {
      const auto partner = graph_->neighbour(place, n);
      masks.push_back({pair_key(mine, place, partner), id > graph_->at(partner).id});
    }
  }
  {
    const CpuClock clock(spent.mask_s);
    mask_({masks, std::uint64_t(work.first), words});
  }
  add(sent, words);
  spent.masks += std::int64_t(masks.size());
  work.give(std::move(scratch));
}

// A secret from the shares of its first partners that came.
Secret SecureSum::joined(std::int64_t member, std::int64_t place, bool self) const {
  const auto& shares = shares_[std::size_t(member)];
  std::vector<int> numbers;
  std::vector<Share> taken;
  for (int n = 0; n < graph_->degree() && int(taken.size()) < size_.threshold; ++n) {
    if (graph_->at(graph_->neighbour(place, n)).came == 0) continue;
    numbers.push_back(n + 1);
    taken.push_back((self ? shares.of_self : shares.of_private)[std::size_t(n)]);
  }
  return join(numbers, taken);
}

// The server takes off a client's own mask, or those that its partners share with one that is gone.
void SecureSum::unmask(std::int64_t member, Work& work) {
  auto scratch = work.take();
  auto& [words, plain, sent, removed, masks, spent] = *scratch;
  const auto id = data_.client_ids[std::size_t(members_[std::size_t(member)])];
  const auto place = graph_->place_of(id);
  const bool came = graph_->at(place).came != 0;
  Secret found{};
  {
    const CpuClock clock(spent.join_s);
    found =
        samples() ? joined(member, place, came) : secret(id, came ? of_self_mask : of_private_key);
  }
  const CpuClock clock(spent.unmask_s);
  masks.clear();
  if (came) masks.push_back({mask_key(found), true});
  for (int n = 0; !came && n < graph_->degree(); ++n) {
    const auto partner = graph_->neighbour(place, n);
    const auto& other = graph_->at(partner);
    if (other.came != 0) masks.push_back({pair_key(found, place, partner), other.id < id});
  }
  mask_({masks, std::uint64_t(work.first), removed});
  work.give(std::move(scratch));
}

void SecureSum::check(const std::vector<std::int32_t>& local, const RoundInputs& inputs,
                      const RoundSums& sums, const Comm& comm, SecureReport& report) {
  upload_words_ = sums.words();
  Work work;
  choose_words(work);
  comm.together([&] {
    if (samples()) {
      publish_keys();
      share_secrets(report);
    }
    std::vector<std::int32_t> came;
    std::ranges::set_intersection(local, members_, std::back_inserter(came));
    participants_.train(came, inputs, Participants::Keep::nothing,
                        [&](std::int64_t, std::int64_t u, const LocalUpdate& update) {
                          upload(u, update, sums, work);
                        });
    parallel_for(std::int64_t(members_.size()), threads_,
                 [&](std::int64_t member, int) { unmask(member, work); });
  });
  work.tell(report, comm);
  auto masked = work.total(&Scratch::sent, comm);
  add(masked, work.total(&Scratch::removed, comm));
  Words plain(work.n);
  if (samples())
    plain = work.total(&Scratch::plain, comm);
  else
    sums.copy_words(work.first, plain);
  std::int64_t other = 0;
  for (std::size_t w = 0; w < work.n; ++w) other += masked[w] != plain[w] ? 1 : 0;
  if (other > 0)
    throw InternalError(
        cat("the secure sum has ", other, " of ", work.n, " other words than the plain one"));
}

// All of them, or a window at another place in every round.
void SecureSum::choose_words(Work& work) const {
  work.keeps_plain = samples();
  work.n = std::size_t(upload_words_);
  if (samples()) return;
  const auto n = std::min(config_.secure.window, upload_words_);
  work.n = std::size_t(n);
  const Rng rng(config_.federation.seed, Purpose::secure_window);
  const auto places = std::uint64_t((upload_words_ - n) / 2 + 1);
  work.first = 2 * std::int64_t(rng.bits(0, std::uint32_t(round_), 0) % places);
}

}  // namespace fedfuse
