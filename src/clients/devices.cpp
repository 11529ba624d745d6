#include "clients/devices.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/error.hpp"
#include "core/number.hpp"
#include "core/rng.hpp"
#include "core/text.hpp"
#include "data/csv_lines.hpp"

namespace fedfuse {
namespace {

using Fields = std::vector<std::string_view>;

double number_in(const CsvLines& lines, std::string_view text, const char* column, double least,
                 double most) {
  double value = 0;
  if (!read_number(value, text) || !(value >= least && value <= most))
    lines.fail(cat(column, " is \"", text, "\", no number from ", least, " to ", most),
               "correct the line");
  return value;
}

DeviceClass class_in(const CsvLines& lines, const Fields& fields) {
  if (fields.size() != 4)
    lines.fail(cat("it has ", fields.size(), " fields, not 4"), "correct the line");
  DeviceClass c;
  c.name = fields[0];
  if (c.name.empty()) lines.fail("the class has no name", "name it");
  c.share = number_in(lines, fields[1], "share", 0, 1);
  c.sample_seconds = number_in(lines, fields[2], "sample_seconds", 1e-9, 1e6);
  c.bandwidth = number_in(lines, fields[3], "bandwidth", 0, 1e18);
  if (c.bandwidth > 0 && c.bandwidth < 1)
    lines.fail("a bandwidth is at least 1 byte a second", "0 lets transfers take no time");
  return c;
}

// Quarters of the standard normal distribution.
std::int32_t quarter(double normal) {
  constexpr double bound = 0.6744897501960817;
  return normal < -bound ? 0 : normal < 0 ? 1 : normal < bound ? 2 : 3;
}

}  // namespace

std::vector<DeviceClass> parse_device_classes(std::string_view text, const std::string& path) {
  CsvLines lines(text, path);
  Fields fields;
  constexpr std::array<std::string_view, 4> header{"class", "share", "sample_seconds", "bandwidth"};
  if (!lines.next(fields) || !std::ranges::equal(fields, header))
    lines.fail("its header is not class,share,sample_seconds,bandwidth", "start it with that line");
  std::vector<DeviceClass> classes;
  double sum = 0;
  constexpr std::size_t most = 100;
  while (lines.next(fields)) {
    auto next = class_in(lines, fields);
    if (std::ranges::find(classes, next.name, &DeviceClass::name) != classes.end())
      lines.fail(cat("class \"", next.name, "\" stands there twice"), "give each a name");
    if (classes.size() == most) lines.fail(cat("more than ", most, " classes"), "join some");
    sum += next.share;
    classes.push_back(std::move(next));
  }
  if (!(std::abs(sum - 1) < 1e-6))
    throw InputError(cat("cannot use ", path), cat("the shares of its classes have the sum ", sum),
                     "make it 1");
  return classes;
}

std::int64_t microseconds_of(const SimulatedDevice& device, double samples, double bytes) {
  const double transfer = device.bandwidth > 0 ? bytes / device.bandwidth : 0;
  return std::llround(std::min(1e6 * (samples * device.sample_seconds + transfer), 1e18));
}

SimulatedDevices::SimulatedDevices(const Config& config, std::vector<DeviceClass> classes)
    : seed_(config.federation.seed), options_(config.participation), classes_(std::move(classes)) {
  if (options_.devices == ClientDevices::lognormal)
    kinds_ = {"fastest quarter", "second quarter", "third quarter", "slowest quarter"};
  for (const auto& c : classes_) kinds_.push_back(c.name);
}

SimulatedDevice SimulatedDevices::of(std::int64_t id) const {
  const Rng rng(seed_, Purpose::client_device);
  const auto who = std::uint64_t(id);
  const auto& o = options_;
  if (o.devices == ClientDevices::lognormal) {
    const double slowness = rng.normal(who, 0, 0), speed = rng.normal(who, 0, 1);
    return {.sample_seconds = o.sample_seconds * std::exp(o.sigma * slowness),
            .bandwidth = o.bandwidth * std::exp(o.sigma * speed),
            .kind = quarter(slowness)};
  }
  if (classes_.empty()) return {.sample_seconds = o.sample_seconds, .bandwidth = o.bandwidth};
  const double place = rng.uniform(who, 0, 0);
  std::size_t kind = 0;
  for (double below = classes_[0].share; place >= below && kind + 1 < classes_.size();)
    below += classes_[++kind].share;
  const auto& c = classes_[kind];
  return {.sample_seconds = c.sample_seconds, .bandwidth = c.bandwidth, .kind = std::int32_t(kind)};
}

}  // namespace fedfuse
