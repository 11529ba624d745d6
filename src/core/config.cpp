#include "core/config.hpp"

namespace fedfuse {

void validate(const Config& config) {
  validate(config.files);
  validate(config.model);
  validate(config.federation);
  validate(config.participation);
  validate(config.gfmfr);
  validate(config.prior);
  validate(config.fedvlr);
  validate(config.features);
  validate(config.privacy);
  validate(config.attack);
  validate(config.secure);
  validate(config.evaluation);
  validate(config.execution);
  validate(config.restart);
}

std::int64_t uploads_of_round(const Config& config, std::int64_t clients) {
  return is_buffered(config.participation) ? config.participation.async
                                           : participants_of_round(config.federation, clients);
}

std::int64_t clients_in_flight(const Config& config, std::int64_t clients) {
  const auto given = config.participation.concurrency;
  return given > 0 ? given : participants_of_round(config.federation, clients);
}

}  // namespace fedfuse
