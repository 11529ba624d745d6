#include "core/config/files.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const FileOptions& o) { at_least("save-every", o.save_every, 0); }

}  // namespace fedfuse
