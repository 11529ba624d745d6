#pragma once
// How a run is executed: options that do not change a bit of the result.
#include <cstdint>
#include <optional>

#include "core/choice.hpp"

namespace fedfuse {

// How uploads reach the groups: kept, or by training the clients again (R10).
enum class UploadMode { store, replay };
template <>
inline constexpr auto choice_names<UploadMode> =
    std::array{Named{UploadMode::store, "store"}, Named{UploadMode::replay, "replay"}};

// Where clients' private parameters live between rounds when a device trains them.
enum class StateHome { host, device };
template <>
inline constexpr auto choice_names<StateHome> =
    std::array{Named{StateHome::host, "host"}, Named{StateHome::device, "device"}};

inline constexpr std::int64_t most_threads = 1024;  // of a rank

struct ExecutionOptions {
  std::optional<UploadMode> uploads;      // empty: store where there is room
  std::optional<StateHome> client_state;  // empty: on the device where there is room
  double memory_gib = 0.0;                // what one rank may use; 0: its share of the free memory
  std::int64_t threads = 0;  // of a rank; 0: OMP_NUM_THREADS or the cores that it may use
  bool operator==(const ExecutionOptions&) const = default;
};
void validate(const ExecutionOptions& options);  // InputError

}  // namespace fedfuse
