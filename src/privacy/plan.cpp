#include "privacy/plan.hpp"

#include <cmath>

#include "core/error.hpp"
#include "core/text.hpp"
#include "privacy/refusals.hpp"

namespace fedfuse {
namespace {

Adjacency adjacency_of(const Config& config) {
  return config.federation.sampling == Sampling::poisson ? Adjacency::add_or_remove_one
                                                         : Adjacency::replace_one;
}

// The sensitivity of the sum over C: to replace a client takes its upload out and another one in.
double sensitivity(const Config& config) {
  return config.federation.sampling == Sampling::poisson ? 1.0 : 2.0;
}

double multiplier_for(const Config& config, std::int64_t clients) {
  const auto& o = config.privacy;
  const double noise =
      noise_for(o.epsilon, mechanism_of(config, clients), config.federation.rounds, o.delta);
  if (noise == 0)
    throw InputError(cat("--epsilon ", o.epsilon, " cannot be reached"),
                     cat("no noise multiplier up to 10^4 spends so little in ",
                         config.federation.rounds, " rounds at delta ", o.delta),
                     "give a larger --epsilon, fewer --rounds or a smaller --fraction");
  return noise * sensitivity(config);
}

}  // namespace

Config with_privacy(Config config, std::int64_t clients) {
  refuse_what_cannot_hold(config);
  auto& o = config.privacy;
  if (!adds_noise(o)) return config;
  o.adjacency = adjacency_of(config);
  if (o.delta == 0) o.delta = std::pow(double(clients), -1.1);
  if (o.epsilon > 0) {
    const double z = multiplier_for(config, clients);
    if (o.noise_multiplier > 0 && std::abs(o.noise_multiplier / z - 1) > 1e-5)
      throw InputError(
          cat("--epsilon ", o.epsilon, " with --noise-multiplier ", o.noise_multiplier),
          cat("this epsilon asks for z = ", z), "give one of the two");
    if (o.noise_multiplier == 0) o.noise_multiplier = z;
    validate(o);
  }
  return config;
}

SampledGaussian mechanism_of(const Config& config, std::int64_t clients) {
  const auto& f = config.federation;
  const double drawn = double(participants_of_round(f, clients)) / double(clients);
  return {.sampling = f.sampling,
          .noise = config.privacy.noise_multiplier / sensitivity(config),
          .rate = f.sampling == Sampling::poisson ? f.fraction : drawn};
}

PrivacyNotes privacy_notes(const Config& config) {
  PrivacyNotes notes;
  notes.trust = "the server sees every upload in the clear";
  if (!adds_noise(config.privacy)) {
    notes.epsilon_covers = "nothing: no noise is added, so there is no epsilon";
    notes.epsilon_excludes = "everything";
    return notes;
  }
  notes.trust += ", and is trusted to bound it and to add the noise to the sums alone";
  notes.epsilon_covers =
      cat("the shared models of all rounds, that is the item table or the item views with their "
          "operators, and the shared head; of neighbours by ",
          config.privacy.adjacency.value_or(adjacency_of(config)),
          ": all data of one client; public: the numbers of clients and items, and the features");
  notes.epsilon_excludes =
      "what is computed from clients' data without noise: losses, norms, participants and metrics "
      "in this record, the best round and an early stop, the baselines; the private parts of "
      "clients in /model; a run ended by a client whose update is not finite; anybody who knows "
      "the seed, because the noise and the draws follow from it; normal numbers end at 8.6 "
      "standard deviations";
  return notes;
}

}  // namespace fedfuse
