#pragma once
#include <cstdint>
#include <string>

namespace fedfuse {

// "fedfuse 0.1.0 (commit 57e6ef3, modified)".
[[nodiscard]] std::string version_text();

// Provenance of a run that was begun as `first` says (which may tell of earlier resumptions) and
// goes on as `own` does, after `round`.
[[nodiscard]] std::string resumed_provenance(const std::string& first, const std::string& own,
                                             std::int64_t round);

}  // namespace fedfuse
