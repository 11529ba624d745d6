#include "server/secure_sum.hpp"

#include <algorithm>
#include <cmath>

#include "clients/sampler.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"
#include "secure/agreement.hpp"
#include "server/engine.hpp"
#include "server/place_of_all.hpp"

namespace fedfuse {
namespace {

// Clients that a round invites.
std::int64_t invited_of_round(const Config& config, const Dataset& data) {
  const double wanted = double(participants_of_round(config.federation, data.clients));
  return std::min(data.clients,
                  std::int64_t(std::llround(config.participation.over_select * wanted)));
}

// Of the words (who, round, first), (who, round, first + 1), ...; the lowest byte first.
template <class Bytes>
Bytes random_bytes(const Rng& rng, std::uint64_t who, std::int64_t round, std::uint32_t first) {
  Bytes bytes{};
  for (std::size_t k = 0; k < bytes.size(); ++k) {
    const auto word = rng.bits(who, std::uint32_t(round), first + std::uint32_t(k / 8));
    bytes[k] = std::uint8_t(word >> (8 * (k % 8)));
  }
  return bytes;
}

GraphSize size_of_graph(const SecureOptions& o, std::int64_t clients) {
  if (o.degree > 0)
    return {int(o.degree), o.threshold > 0 ? int(o.threshold) : int(o.degree / 2 + 1)};
  const auto size = smallest_graph(clients, o.corrupt, o.gone);
  if (!size)
    throw InputError(cat("--secure-sum with ", clients, " clients a round"),
                     cat("no graph among so few is safe at --secure-corrupt ", o.corrupt,
                         " and --secure-gone ", o.gone),
                     "let more clients take part, or give --secure-degree");
  return *size;
}

}  // namespace

SecureSum::SecureSum(const Config& config, const ModelSpec& spec, const Dataset& data, int threads,
                     const Kernels& kernels)
    : config_(config),
      data_(data),
      spec_(spec),
      mask_(kernels.mask),
      threads_(threads),
      participants_(config, spec, data, threads, kernels) {
  const auto& o = config.secure;
  if (!has_agreement())
    throw InputError(cat("--secure-sum ", o.sum),
                     "this build has no OpenSSL, by which clients agree on keys",
                     "install its headers (Debian: libssl-dev) and build again");
  const auto invited = invited_of_round(config, data);
  size_ = size_of_graph(o, invited);
  const auto members = samples() ? std::min(o.clients, invited) : invited;
  if (size_.degree < members) return;
  throw InputError(
      cat("--secure-sum ", o.sum, " of ", members, " clients"),
      cat("each of them would share masks with ", size_.degree, " others"),
      samples() ? cat("give --secure-clients ", size_.degree + 1, " or more, or --secure-degree")
                : std::string("give a smaller --secure-degree"));
}

// The sample: those with the smallest keys.
std::vector<std::int32_t> SecureSum::members(const std::vector<std::int32_t>& invited,
                                             std::int64_t round, const Comm& comm) const {
  if (!samples()) return invited;
  const auto all = comm.sum(std::int64_t(invited.size()));
  if (all <= config_.secure.clients) return invited;
  const Rng rng(config_.federation.seed, Purpose::secure_sample);
  std::vector<Place> keys;
  for (const auto u : invited) {
    const auto id = std::uint32_t(data_.client_ids[std::size_t(u)]);
    keys.push_back({rng.bits(id, std::uint32_t(round), 0), id});
  }
  const auto last = kth_of_all(keys, config_.secure.clients, comm);
  std::vector<std::int32_t> found;
  for (std::size_t k = 0; k < keys.size(); ++k)
    if (keys[k] <= last) found.push_back(invited[k]);
  return found;
}

SecureReport SecureSum::meet(std::int64_t round, const std::vector<std::int32_t>& invited,
                             const std::vector<std::int32_t>& came, const Comm& comm) {
  SecureReport report;
  round_ = round;
  members_ = members(invited, round, comm);
  std::vector<Invited> mine;
  for (const auto u : members_)
    mine.push_back({data_.client_ids[std::size_t(u)], std::ranges::binary_search(came, u) ? 1 : 0});
  auto all = comm.all_gather(std::span<const Invited>(mine));
  report.clients = std::int64_t(all.size());
  report.refused = report.clients <= size_.degree;
  if (report.refused) return report;
  graph_ =
      std::make_unique<MaskGraph>(std::move(all), size_.degree, config_.federation.seed, round);
  report.gone = graph_->gone();
  report.refused = graph_->fewest_left() < size_.threshold;
  return report;
}

Secret SecureSum::secret(std::int32_t id, Of what) const {
  const Rng rng(config_.federation.seed, Purpose::secure_keys);
  return random_bytes<Secret>(rng, std::uint64_t(id), round_, 4 * what);
}

void SecureSum::publish_keys() {
  public_.resize(std::size_t(graph_->clients()));
  parallel_for(graph_->clients(), threads_, [&](std::int64_t place, int) {
    public_[std::size_t(place)] = public_key(secret(graph_->at(place).id, of_private_key));
  });
}

void SecureSum::share_secrets(SecureReport& report) {
  const Rng rng(config_.federation.seed, Purpose::secure_shares);
  shares_.assign(members_.size(), {});
  std::vector<double> seconds(members_.size());
  parallel_for(std::int64_t(members_.size()), threads_, [&](std::int64_t m, int) {
    const CpuClock clock(seconds[std::size_t(m)]);
    const auto id = data_.client_ids[std::size_t(members_[std::size_t(m)])];
    const auto part = [&](Of what) {
      return split(secret(id, what), size_.threshold, size_.degree, rng,
                   2 * std::uint64_t(id) + what, std::uint32_t(round_));
    };
    shares_[std::size_t(m)] = {part(of_self_mask), part(of_private_key)};
  });
  for (const double s : seconds) report.share_s += s;
}

// Of a pair; the same for both. In a check a number of the pair stands for the agreement.
mask::Key SecureSum::pair_key(const Secret& mine, std::int64_t me, std::int64_t partner) const {
  if (samples()) return mask_key(agree(mine, public_[std::size_t(partner)]));
  const auto [low, high] = std::minmax(graph_->at(me).id, graph_->at(partner).id);
  const Rng rng(config_.federation.seed, Purpose::secure_pairs);
  return random_bytes<mask::Key>(rng, std::uint64_t(low) << 32 | std::uint64_t(high), round_, 0);
}

}  // namespace fedfuse
