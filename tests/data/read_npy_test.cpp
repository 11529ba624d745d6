#include "data/read_npy.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "core/text.hpp"
#include "tests/data/support.hpp"

namespace fedfuse {
namespace {

using test::expect_input_error;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// An NPY file as numpy.save writes it.
std::string npy(const std::string& type, const std::string& shape, const std::string& values,
                int version = 1, const std::string& fortran = "False") {
  auto header =
      cat("{'descr': '", type, "', 'fortran_order': ", fortran, ", 'shape': ", shape, ", }");
  header.resize(118 - (version == 1 ? 10 : 12), ' ');
  header += '\n';
  std::string file = "\x93NUMPY";
  file += char(version);
  file += '\0';
  file += char(header.size());
  file.append(version == 1 ? 1 : 3, '\0');
  return file + header + values;
}
const std::vector<float> six{1, -2, 0.5, 0, 3, 1e-3f};

Matrix<float> read(const std::string& content) {
  const test::Folder folder(Comm::self());
  return read_npy(folder.write("f.npy", content));
}
void expect_refused(const std::string& content, std::initializer_list<std::string_view> parts) {
  expect_input_error([&] { (void)read(content); }, parts);
}

TEST(ReadNpy, ReadsFloat32AndFloat64InBothVersions) {
  for (const int version : {1, 2}) {
    const auto a = read(npy("<f4", "(3, 2)", bytes_of(six), version));
    const auto b =
        read(npy("<f8", "(3, 2)", bytes_of(std::vector<double>(six.begin(), six.end())), version));
    EXPECT_EQ(a.rows, 3);
    EXPECT_EQ(a.cols, 2);
    EXPECT_TRUE(std::equal(six.begin(), six.end(), a.values.begin()));
    EXPECT_EQ(a, b);
  }
}

TEST(ReadNpy, ReadsEveryKindOfHalf) {
  // 1, -2, 65504 (largest), 2^-14 (least normal), 2^-24 (least subnormal), -0, 1023 * 2^-24,
  // 0.333251953125
  const auto m = read(npy("<f2", "(2, 4)",
                          bytes_of(std::vector<std::uint16_t>{0x3C00, 0xC000, 0x7BFF, 0x0400,
                                                              0x0001, 0x8000, 0x03FF, 0x3555})));
  const std::vector<float> want{1,        -2,    65504,           0x1p-14f,
                                0x1p-24f, -0.0f, 1023 * 0x1p-24f, 0.333251953125f};
  EXPECT_TRUE(std::equal(want.begin(), want.end(), m.values.begin()));
  EXPECT_TRUE(std::signbit(m(1, 1)));
}

TEST(ReadNpy, RefusesOtherFiles) {
  expect_refused("", {"f.npy", "empty"});
  expect_refused("PK\x03\x04 zip archives of arrays", {"not an NPY"});
  expect_refused("\x93NUMPY", {"damaged"});
  expect_refused(npy("<f4", "(3, 2)", bytes_of(six), 9), {"version is 9"});
  expect_refused(npy("<f4", "(3, 2)", "").substr(0, 60), {"damaged"});
  expect_input_error([] { (void)read_npy("/nowhere/f.npy"); }, {"no such file"});
}

TEST(ReadNpy, RefusesOtherTypesOrdersAndShapes) {
  expect_refused(npy("<i8", "(3, 2)", bytes_of(six)), {"dtype is <i8", "astype"});
  expect_refused(npy(">f4", "(3, 2)", bytes_of(six)), {"dtype is >f4"});
  expect_refused(npy("|O", "(3, 2)", bytes_of(six)), {"dtype is |O"});
  expect_refused(npy("<f4", "(3, 2)", bytes_of(six), 1, "True"), {"Fortran"});
  expect_refused(npy("<f4", "(6,)", bytes_of(six)), {"shape is (6,)", "two dimensions"});
  expect_refused(npy("<f4", "(1, 3, 2)", bytes_of(six)), {"shape"});
  expect_refused(npy("<f4", "()", bytes_of(six)), {"shape"});
  expect_refused(npy("<f4", "(0, 2)", ""), {"shape"});
  expect_refused(npy("<f4", "(99999999999999999999, 2)", bytes_of(six)), {"damaged"});
}

TEST(ReadNpy, RefusesWrongLengths) {
  expect_refused(npy("<f4", "(4, 2)", bytes_of(six)),
                 {"4 x 2 values of 4 bytes, and 24 bytes follow", "truncated"});
  expect_refused(npy("<f4", "(2, 2)", bytes_of(six)),
                 {"2 x 2 values of 4 bytes, and 24 bytes follow"});
  // and allocates nothing
  expect_refused(npy("<f8", "(2000000000, 2000000000)", bytes_of(six)), {"truncated"});
}

TEST(ReadNpy, RefusesValuesThatAreNotFinite) {
  auto values = six;
  values[3] = std::numeric_limits<float>::quiet_NaN();
  expect_refused(npy("<f4", "(3, 2)", bytes_of(values)), {"row 1, column 1", "NaN"});
  expect_refused(npy("<f8", "(1, 2)", bytes_of(std::vector<double>{0, 1e300})),
                 {"row 0, column 1", "too large"});
  expect_refused(npy("<f2", "(1, 1)", bytes_of(std::vector<std::uint16_t>{0x7C00})),
                 {"row 0, column 0"});
}

TEST(ReadNpy, RefusesShapesThatNoArrayHas) {
  expect_refused(npy("<f4", "(-3, 2)", bytes_of(six)), {"its shape is"});
  expect_refused(npy("<f4", "(3.0, 2)", bytes_of(six)), {"its shape is"});
  expect_refused(npy("<f4", "(3e0, 2)", bytes_of(six)), {"its shape is"});
  expect_refused(npy("<f4", "(99999999999999999999, 2)", bytes_of(six)), {"damaged"});
  expect_refused(npy("<f4", "(2147483647, 2147483647)", bytes_of(six)), {"promises"});
}

}  // namespace
}  // namespace fedfuse
