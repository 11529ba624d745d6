#include "core/config/files.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const FileOptions& o) { within("save-every", o.save_every, 0, most_counted); }

}  // namespace fedfuse
