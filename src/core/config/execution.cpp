#include "core/config/execution.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const ExecutionOptions& o) {
  finite_at_least("memory-gib", o.memory_gib, 0);
  within("threads", o.threads, 0, most_threads);
}

}  // namespace fedfuse
