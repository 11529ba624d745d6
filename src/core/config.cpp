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
  validate(config.privacy);
  validate(config.attack);
  validate(config.secure);
  validate(config.evaluation);
  validate(config.execution);
  validate(config.restart);
}

}  // namespace fedfuse
