#include "clients/sender.hpp"

#include <algorithm>
#include <cmath>

#include "clients/attackers.hpp"
#include "core/fixed_point.hpp"

namespace fedfuse {
namespace {

// x[k] <- change(x[k], normal number k) over rows, then head. Numbers of (who, round).
template <class Change>
void for_each_with_normal(const Rng& rng, std::int64_t who, std::int64_t round, Parcel& parcel,
                          const Change& change) {
  std::uint32_t index = 0;
  for (auto part : {parcel.rows, parcel.head})
    for (std::size_t k = 0; k < part.size(); k += 2) {
      const auto [first, second] = rng.normals(std::uint64_t(who), std::uint32_t(round), index++);
      change(part[k], first);
      if (k + 1 < part.size()) change(part[k + 1], second);
    }
}

double root_mean_square(const Parcel& parcel) {
  double sum = 0;
  for (const auto part : {parcel.rows, parcel.head})
    for (const float x : part) sum += double(x) * double(x);
  return std::sqrt(sum / double(std::max<std::size_t>(1, parcel.rows.size() + parcel.head.size())));
}

// Of the laplace distribution with b = 1, from a uniform number in (0, 1).
double laplace(double uniform) {
  const double side = uniform - 0.5;
  return -std::copysign(std::log1p(-2 * std::abs(side)), side);
}

}  // namespace

Sender::Sender(const Config& config, const ModelSpec& spec, const Dataset& data)
    : config_(config), spec_(spec), data_(data) {
  if (config.privacy.clip > 0) {
    const auto fixed = FixedPoint::for_total_weight(public_weight(config, spec, data));
    clip_.emplace(config.privacy.clip, fixed.scale);
  }
  if (config.attack.kind == Attack::boost_item) target_ = attacked_item(config, data);
}

bool Sender::flips_labels(std::int64_t local) const {
  return config_.attack.kind == Attack::label_flip &&
         is_attacker(config_, data_.client_ids[std::size_t(local)]);
}

void Sender::send(std::int64_t local, std::int64_t round, Parcel& parcel) {
  if (is_attacker(config_, data_.client_ids[std::size_t(local)])) attack(local, round, parcel);
  if (clip_) parcel.clip = (*clip_)(parcel.rows, parcel.head);
  if (config_.privacy.upload_noise != UploadNoise::none) blur(local, round, parcel);
}

void Sender::attack(std::int64_t local, std::int64_t round, Parcel& parcel) {
  const float boost = float(config_.attack.boost);
  switch (config_.attack.kind) {
    case Attack::none:
      return;
    case Attack::boost_item:
      boost_item(data_.positives(local), parcel);
      return;
    case Attack::sign_flip:
    case Attack::label_flip: {
      const float factor = config_.attack.kind == Attack::sign_flip ? -boost : boost;
      for (auto part : {parcel.rows, parcel.head})
        for (float& x : part) x *= factor;
      return;
    }
    case Attack::gaussian: {
      const double size = double(boost) * root_mean_square(parcel);
      const Rng rng(config_.federation.seed, Purpose::attack);
      for_each_with_normal(rng, data_.client_ids[std::size_t(local)], round, parcel,
                           [size](float& x, double normal) { x = float(size * normal); });
      return;
    }
  }
}

// One row: the mean of what the client would send for its positives, times the boost, as if it
// were one of them. Nothing else is sent.
void Sender::boost_item(std::span<const std::int32_t> positives, Parcel& parcel) {
  const auto width = std::size_t(spec_.view_width), stride = parcel.items.size() * width;
  target_rows_.assign(std::size_t(spec_.views) * width, 0.0f);
  const float share =
      float(config_.attack.boost) / float(std::max<std::size_t>(1, positives.size()));
  for (std::size_t s = 0; s < parcel.items.size(); ++s) {
    if (!std::ranges::binary_search(positives, parcel.items[s])) continue;
    for (std::size_t j = 0; j < std::size_t(spec_.views); ++j)
      for (std::size_t k = 0; k < width; ++k)
        target_rows_[j * width + k] += share * parcel.rows[j * stride + s * width + k];
  }
  parcel.items = {&target_, 1};
  parcel.rows = target_rows_;
  std::ranges::fill(parcel.head, 0.0f);
}

// Every number by itself, as the papers do.
void Sender::blur(std::int64_t local, std::int64_t round, Parcel& parcel) const {
  const auto id = data_.client_ids[std::size_t(local)];
  const double scale = config_.privacy.upload_noise_scale;
  const Rng rng(config_.federation.seed, Purpose::noise_upload);
  if (config_.privacy.upload_noise == UploadNoise::gaussian) {
    for_each_with_normal(rng, id, round, parcel,
                         [scale](float& x, double normal) { x += float(scale * normal); });
    return;
  }
  std::uint32_t index = 0;
  for (auto part : {parcel.rows, parcel.head})
    for (float& x : part)
      x += float(scale * laplace(rng.uniform(std::uint64_t(id), std::uint32_t(round), index++)));
}

}  // namespace fedfuse
