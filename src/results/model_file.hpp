#pragma once
// /model of a result file, read as input: every array that the configuration asks for, of its
// shape, with ids in range.
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.hpp"
#include "core/h5.hpp"
#include "model/spec.hpp"
#include "results/overlay_block.hpp"

namespace fedfuse {

// A model with a number that is not finite: it was stored whole, but nothing may be concluded.
struct NotFinite : InputError {
  NotFinite(const std::string& file, const std::string& why);
  std::string reason;
};

// The rows of consecutive clients; arrays that the spec does not have are empty.
struct ClientRows {
  Array<float> theta, user, router, base_scale, shares;
  Array<std::int32_t> group;
  OverlayBlock overlay;  // total: not filled
};

// For one process. Every member throws InputError where an array is missing, has another shape, or
// names an item or group that does not exist; NotFinite where a number is not finite.
class ModelFile {
 public:
  // file must outlive this
  ModelFile(const h5::File& file, const Config& config, std::int64_t clients, std::int64_t items);
  [[nodiscard]] const ModelSpec& spec() const { return spec_; }
  [[nodiscard]] GlobalModel global() const;
  [[nodiscard]] Matrix<float> base() const;         // empty where the spec has none
  [[nodiscard]] Matrix<float> preferences() const;  // empty where none are stored
  [[nodiscard]] Matrix<float> group_embeddings() const;
  [[nodiscard]] ClientRows clients(std::int64_t first, std::int64_t count) const;
  // All of it, in pieces.
  void check() const;

 private:
  [[nodiscard]] Array<float> finite_rows(const std::string& name, std::int64_t first,
                                         std::int64_t count, std::int64_t width) const;
  [[nodiscard]] Matrix<float> finite_matrix(const std::string& name, const h5::Dims& wanted) const;
  [[nodiscard]] OverlayBlock overlay(std::int64_t first, std::int64_t count) const;
  void require_finite(const std::string& name, std::span<const float> values, std::int64_t width,
                      std::int64_t first_row) const;

  const h5::File& file_;
  ModelSpec spec_;
  std::vector<std::string> matrices_;
  std::int64_t clients_, items_;
};

}  // namespace fedfuse
