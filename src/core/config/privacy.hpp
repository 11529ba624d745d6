#pragma once
// The options of differential privacy and their choices (models.md, section 10).
#include <cstdint>
#include <optional>

#include "core/choice.hpp"

namespace fedfuse {

// Which federations are neighbours: one has a client more, or other data of one client.
enum class Adjacency { add_or_remove_one, replace_one };
template <>
inline constexpr auto choice_names<Adjacency> =
    std::array{Named{Adjacency::add_or_remove_one, "add-or-remove-one"},
               Named{Adjacency::replace_one, "replace-one"}};

// What an upload tells of the rows that a client touched. touched: their numbers. padded: those of
// --upload-padding more items, the same in every round. dense: nothing, every row is sent.
enum class UploadIds { touched, padded, dense };
template <>
inline constexpr auto choice_names<UploadIds> =
    std::array{Named{UploadIds::touched, "touched"}, Named{UploadIds::padded, "padded"},
               Named{UploadIds::dense, "dense"}};

// Noise that every client adds to every number it sends, as in the papers' experiments. It is no
// differential privacy.
enum class UploadNoise { none, laplace, gaussian };
template <>
inline constexpr auto choice_names<UploadNoise> =
    std::array{Named{UploadNoise::none, "none"}, Named{UploadNoise::laplace, "laplace"},
               Named{UploadNoise::gaussian, "gaussian"}};

struct PrivacyOptions {
  double clip = 0.0;                   // C: bound of the L2 norm of a whole upload; 0: none
  double noise_multiplier = 0.0;       // z: the standard deviation on the sums is z C
  double epsilon = 0.0;                // > 0: z is found
  double delta = 0.0;                  // 0: 1 / N^1.1
  std::optional<Adjacency> adjacency;  // empty: that of --sampling
  UploadIds upload_ids = UploadIds::touched;
  std::int64_t upload_padding = 256;  // rows
  UploadNoise upload_noise = UploadNoise::none;
  double upload_noise_scale = 0.01;  // b of laplace, standard deviation of gaussian
  std::int64_t probe_clients = 0;    // whose uploads the probe reads
  bool operator==(const PrivacyOptions&) const = default;
};
void validate(const PrivacyOptions& options);  // InputError

// A bound below it keeps every clipped number in the first range of a round's sums (R7), so that no
// range follows the data.
inline constexpr double largest_clip = 512.0;
// The sums hold z C of this size beside any number of clients.
inline constexpr double largest_noise = 262144.0;

// Noise is added, or will be once z is found.
[[nodiscard]] inline bool adds_noise(const PrivacyOptions& options) {
  return options.noise_multiplier > 0 || options.epsilon > 0;
}

}  // namespace fedfuse
