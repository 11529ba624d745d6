#pragma once
// What goes to the server of what a client trained: attackers change it, the clip bounds it, upload
// noise blurs it, in this order. A pure function of (seed, round, client, the turn).
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "clients/clip.hpp"
#include "core/config.hpp"
#include "core/matrix.hpp"
#include "core/rng.hpp"
#include "data/dataset.hpp"
#include "model/spec.hpp"

namespace fedfuse {

// views x items x width numbers of rows (their changes, or view gradients), and the change of a
// shared head; changed in place, or put somewhere that lives until the sender's next parcel.
struct Parcel {
  std::span<const std::int32_t> items;  // ascending
  std::span<float> rows, head;
  std::optional<Clip::Outcome> clip = {};  // empty without a bound
};

class Sender {
 public:
  // What it is given must outlive it.
  Sender(const Config& config, const ModelSpec& spec, const Dataset& data);
  // Whether it trains on the opposite labels. local: position in data.client_ids
  [[nodiscard]] bool flips_labels(std::int64_t local) const;
  void send(std::int64_t local, std::int64_t round, Parcel& parcel);

 private:
  void attack(std::int64_t local, std::int64_t round, Parcel& parcel);
  void boost_item(std::span<const std::int32_t> positives, Parcel& parcel);
  void blur(std::int64_t local, std::int64_t round, Parcel& parcel) const;
  const Config& config_;
  const ModelSpec& spec_;
  const Dataset& data_;
  std::optional<Clip> clip_;
  std::int32_t target_ = -1;
  std::vector<float> target_rows_;
};

}  // namespace fedfuse
