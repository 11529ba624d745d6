#include "core/config/execution.hpp"

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const ExecutionOptions& o) {
  finite_at_least("memory-gib", o.memory_gib, 0);
  at_least("threads", o.threads, 0);
}

}  // namespace fedfuse
