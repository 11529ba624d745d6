#pragma once
// Golden groups and made-up data sets in the two forms that the tests compare: a Dataset with a
// Config, and NaiveItems.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "core/h5.hpp"
#include "core/rng.hpp"
#include "data/dataset.hpp"
#include "tests/server/naive_server.hpp"

namespace fedfuse::test {

// A dataset of any number of dimensions, flat.
inline Values read_flat(const h5::File& file, const std::string& name) {
  const h5::Handle plain(H5Fopen(file.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose,
                         "open");
  const h5::Handle set(H5Dopen2(plain.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "open");
  std::size_t n = 1;
  for (const auto extent : file.shape(name)) n *= std::size_t(extent);
  Values values(n);
  H5Dread(set.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  return values;
}

// Every array of a group but those named.
inline NaiveParameters read_group(const h5::File& file, const std::string& group,
                                  const std::vector<std::string>& but = {}) {
  NaiveParameters all;
  for (const auto& name : file.children(group))
    if (std::ranges::find(but, name) == but.end()) all[name] = read_flat(file, group + "/" + name);
  return all;
}

inline NaiveItems read_items(const h5::File& file, const std::string& group) {
  NaiveItems items;
  items.items = std::size_t(file.shape(group + "/E_t")[0]);
  items.d = std::size_t(file.shape(group + "/a_t")[0]);
  items.text = read_flat(file, group + "/E_t");
  items.image = read_flat(file, group + "/E_v");
  items.has_text = read_flat(file, group + "/mask_t");
  items.has_image = read_flat(file, group + "/mask_v");
  return items;
}

inline Values random_values(std::size_t n, double scale, std::uint32_t which) {
  const Rng rng(7, Purpose::test);
  Values values(n);
  for (std::size_t k = 0; k < n; ++k) values[k] = double(float(scale * rng.normal(k, which, 0)));
  return values;
}

// Widths 0: absent. A fifth of each modality is missing.
inline NaiveItems random_items(std::size_t M, std::size_t d, std::size_t d_text,
                               std::size_t d_image) {
  NaiveItems items{
      M,         d,        random_values(M * d_text, 0.5, 1), random_values(M * d_image, 0.5, 2),
      Values(M), Values(M)};
  for (std::size_t i = 0; i < M; ++i) {
    items.has_text[i] = i % 5 != 1;
    items.has_image[i] = i % 5 != 3;
  }
  return items;
}

inline Matrix<float> matrix_of(std::size_t rows, const Values& values) {
  Matrix<float> m(std::int64_t(rows), std::int64_t(values.size() / rows));
  std::ranges::transform(values, m.values.begin(), [](double x) { return float(x); });
  return m;
}

inline Dataset dataset_of(const NaiveItems& items) {
  Dataset data;
  data.items = std::int64_t(items.items);
  data.text = matrix_of(items.items, items.text);
  data.image = matrix_of(items.items, items.image);
  for (const double has : items.has_text) data.has_text.push_back(has != 0);
  for (const double has : items.has_image) data.has_image.push_back(has != 0);
  return data;
}

inline void assign(std::map<std::string, std::span<float>> to, const NaiveParameters& from) {
  for (const auto& [name, values] : from) {
    if (values.empty()) continue;
    ASSERT_TRUE(to.contains(name)) << name;
    ASSERT_EQ(to[name].size(), values.size()) << name;
    std::ranges::transform(values, to[name].begin(), [](double x) { return float(x); });
  }
}

// |x - y| <= relative * max(|y|, a tenth of the largest |y| of the array).
template <class X>
void expect_near(const X& x, const Values& y, double relative, const std::string& what) {
  ASSERT_EQ(x.size(), y.size()) << what;
  double largest = 0;
  for (const double v : y) largest = std::max(largest, std::abs(v));
  for (std::size_t k = 0; k < y.size(); ++k)
    ASSERT_NEAR(double(x[k]), y[k], relative * std::max(std::abs(y[k]), 0.1 * largest))
        << what << " [" << k << "]";
}

}  // namespace fedfuse::test
