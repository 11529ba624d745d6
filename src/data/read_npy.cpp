#include "data/read_npy.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/text.hpp"
#include "data/id_text.hpp"
#include "data/read_file.hpp"

namespace fedfuse {
namespace {
static_assert(std::endian::native == std::endian::little,
              "values are copied as they stand in the file");

// IEEE 754 half: 1 sign, 5 exponent, 10 mantissa bits.
float half_to_float(std::uint16_t h) {
  const std::uint32_t sign = std::uint32_t(h >> 15) << 31, exponent = (h >> 10) & 31u,
                      mantissa = h & 1023u;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent == 0) return (sign != 0 ? -1.0f : 1.0f) * float(mantissa) * 0x1p-24f;
  return std::bit_cast<float>(sign | (exponent + 112u) << 23 | mantissa << 13);
}

class Npy {
 public:
  explicit Npy(const std::string& path) : path_(path), bytes_(read_file(path)) {}

  Matrix<float> read() {
    read_header();
    check_size(type_ == "<f2" ? 2 : type_ == "<f4" ? 4 : 8);
    Matrix<float> values(rows_, cols_);
    if (type_ == "<f2") convert<std::uint16_t>(values, half_to_float);
    if (type_ == "<f4") convert<float>(values, [](float x) { return x; });
    if (type_ == "<f8") convert<double>(values, [](double x) { return float(x); });
    return values;
  }

 private:
  [[noreturn]] void fail(const std::string& why, const std::string& what_to_do) const {
    throw InputError(cat("cannot use ", path_), why, what_to_do);
  }
  [[noreturn]] void damaged() const {
    fail("its NPY header is damaged or truncated", "write it again with numpy.save");
  }

  std::uint32_t little_endian(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (std::size_t k = 0; k < count; ++k)
      value |= std::uint32_t(static_cast<unsigned char>(bytes_[at + k])) << (8 * k);
    return value;
  }

  void read_header() {
    if (bytes_.compare(0, 6, "\x93NUMPY") != 0)
      fail("it is not an NPY file: its first bytes are others",
           "write the features with numpy.save");
    if (bytes_.size() < 12) damaged();
    const int version = static_cast<unsigned char>(bytes_[6]);
    if (version != 1 && version != 2)
      fail(cat("its NPY version is ", version, ", and fedfuse reads 1 and 2"),
           "write the features with numpy.save");
    const std::size_t start = version == 1 ? 10 : 12, length = little_endian(8, start - 8);
    if (start + length > bytes_.size()) damaged();
    header_ = std::string_view(bytes_).substr(start, length);
    values_at_ = start + length;
    read_type();
    read_shape();
  }

  // What follows 'key': in the header's dict.
  std::string_view value_of(const char* key) const {
    const auto at = header_.find(cat('\'', key, '\''));
    if (at == std::string_view::npos) damaged();
    const auto colon = header_.find(':', at);
    if (colon == std::string_view::npos) damaged();
    const auto value = header_.find_first_not_of(' ', colon + 1);
    if (value == std::string_view::npos) damaged();
    return header_.substr(value);
  }

  void read_type() {
    const auto type = value_of("descr");
    const auto end = type.find('\'', 1);
    type_ = type.front() == '\'' && end != std::string_view::npos
                ? std::string(type.substr(1, end - 1))
                : "a structured type";
    if (type_ != "<f2" && type_ != "<f4" && type_ != "<f8")
      fail(cat("its dtype is ", type_,
               ", and fedfuse reads little-endian float16, float32 and float64"),
           "convert it: numpy.save(path, array.astype('<f4'))");
    if (!value_of("fortran_order").starts_with("False"))
      fail("it is in Fortran order",
           "convert it: numpy.save(path, numpy.ascontiguousarray(array))");
  }

  void read_shape() {
    auto shape = value_of("shape");
    if (shape.front() != '(' || shape.find(')') == std::string_view::npos) damaged();
    shape = shape.substr(1, shape.find(')') - 1);
    if (shape.find_first_not_of("0123456789, L") != std::string_view::npos)
      fail(cat("its shape is (", printable(shape), ")"), "write it again with numpy.save");
    std::vector<std::int64_t> dims;
    for (std::size_t at = 0;
         (at = shape.find_first_of("0123456789", at)) != std::string_view::npos;) {
      const auto [end, error] =
          std::from_chars(shape.data() + at, shape.data() + shape.size(), dims.emplace_back());
      if (error != std::errc()) damaged();
      at = std::size_t(end - shape.data());
    }
    if (dims.size() != 2 || dims[0] < 1 || dims[1] < 1 || dims[0] > INT32_MAX ||
        dims[1] > INT32_MAX)
      fail(cat("its shape is (", shape, ")"),
           "features need two dimensions: one row for each item, one column for each feature");
    rows_ = dims[0];
    cols_ = dims[1];
  }

  // Before anything is allocated: a damaged header may promise anything.
  void check_size(std::int64_t value_bytes) const {
    const auto have = std::int64_t(bytes_.size() - values_at_);
    // may exceed 64 bits
    const double promised = double(rows_) * double(cols_) * double(value_bytes);
    if (promised == double(have)) return;
    const auto why = cat("its header promises ", rows_, " x ", cols_, " values of ", value_bytes,
                         " bytes, and ", have, " bytes follow");
    fail(why, double(have) < promised ? "the file is truncated: copy or write it again"
                                      : "write it again with numpy.save");
  }

  template <class Stored, class Convert>
  void convert(Matrix<float>& out, Convert&& to_float) const {
    for (std::size_t k = 0; k < out.size(); ++k) {
      Stored stored;
      std::memcpy(&stored, bytes_.data() + values_at_ + k * sizeof(Stored), sizeof(Stored));
      out.values[k] = to_float(stored);
      if (!std::isfinite(out.values[k]))
        fail(cat("row ", std::int64_t(k) / cols_, ", column ", std::int64_t(k) % cols_,
                 " is NaN, infinite or too large for float32"),
             "repair it; a row of zeros says that the item lacks this modality");
    }
  }

  const std::string& path_;
  std::string bytes_;
  std::string_view header_;
  std::size_t values_at_ = 0;
  std::string type_;
  std::int64_t rows_ = 0, cols_ = 0;
};

}  // namespace

Matrix<float> read_npy(const std::string& path) { return Npy(path).read(); }

}  // namespace fedfuse
