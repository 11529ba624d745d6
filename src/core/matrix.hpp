#pragma once
// Flat, 64-byte aligned, row-major arrays, for kernels and for copies to a device.
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "core/array_bytes.hpp"

namespace fedfuse {

template <class T>
struct AlignedAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  AlignedAllocator() = default;
  template <class U>
  explicit AlignedAllocator(const AlignedAllocator<U>&) {}
  T* allocate(std::size_t n) {
    auto* p = static_cast<T*>(::operator new(n * sizeof(T), alignment));
    ArrayBytes::add(std::int64_t(n * sizeof(T)));
    return p;
  }
  void deallocate(T* p, std::size_t n) noexcept {
    ArrayBytes::drop(std::int64_t(n * sizeof(T)));
    ::operator delete(p, alignment);
  }
  template <class U>
  bool operator==(const AlignedAllocator<U>&) const {
    return true;
  }
};

template <class T>
using Array = std::vector<T, AlignedAllocator<T>>;

// rows x cols, row-major.
template <class T>
struct Matrix {
  std::int64_t rows = 0, cols = 0;
  Array<T> values;

  Matrix() = default;
  Matrix(std::int64_t r, std::int64_t c, T fill = T{})
      : rows(r), cols(c), values(std::size_t(r * c), fill) {}
  T* row(std::int64_t i) { return values.data() + i * cols; }
  const T* row(std::int64_t i) const { return values.data() + i * cols; }
  T* data() { return values.data(); }
  const T* data() const { return values.data(); }
  T& operator()(std::int64_t i, std::int64_t j) { return values[std::size_t(i * cols + j)]; }
  const T& operator()(std::int64_t i, std::int64_t j) const {
    return values[std::size_t(i * cols + j)];
  }
  [[nodiscard]] std::size_t size() const { return values.size(); }
  [[nodiscard]] bool empty() const { return values.empty(); }
  [[nodiscard]] std::span<T> span() { return {values.data(), values.size()}; }
  [[nodiscard]] std::span<const T> span() const { return {values.data(), values.size()}; }
  bool operator==(const Matrix&) const = default;
};

}  // namespace fedfuse
