#include "core/h5_stored.hpp"

#include <array>
#include <limits>

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

constexpr const char* make_again = "make the file again with this fedfuse, or copy it again";
constexpr const char* one_file =
    "copy the data into one file, for example with h5repack, or h5py and numpy";

void require_hard_link(const Handle& file, const Place& place, const std::string& part) {
  H5L_info_t link{};
  place.require(H5Lget_info(file.id(), part.c_str(), &link, H5P_DEFAULT) >= 0, "look up its link");
  if (link.type == H5L_TYPE_HARD) return;
  const char* kind = link.type == H5L_TYPE_SOFT       ? "a soft link"
                     : link.type == H5L_TYPE_EXTERNAL ? "a link into another file"
                                                      : "a link of a kind of its own";
  place.refuse(cat(part, " is ", kind), one_file);
}

Handle open_as_dataset(const Handle& file, const Place& place) {
  const hid_t id = H5Oopen(file.id(), place.inside.c_str(), H5P_DEFAULT);
  place.require(id >= 0, "open it");
  Handle object(id, H5Oclose, "open");
  if (H5Iget_type(object.id()) != H5I_DATASET)
    place.refuse("it is no dataset, but a group or a type");
  return object;
}

std::vector<std::int64_t> dims_of(const Handle& dataset, const Place& place) {
  const hid_t id = H5Dget_space(dataset.id());
  place.require(id >= 0, "read its shape");
  const Handle space(id, H5Sclose, "get a dataspace");
  if (H5Sget_simple_extent_type(space.id()) == H5S_NULL) place.refuse("it has no values");
  const int rank = H5Sget_simple_extent_ndims(space.id());
  place.require(rank >= 0, "read its rank");
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  place.require(H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr) >= 0, "read its shape");
  std::vector<std::int64_t> extents;
  for (const auto n : dims) {
    if (n > hsize_t(std::numeric_limits<std::int64_t>::max()))
      place.refuse(cat("a dimension of ", n, " is more than any file holds"));
    extents.push_back(std::int64_t(n));
  }
  return extents;
}

// product of dims and a size; InputError beyond 64 bits
std::int64_t product(const std::vector<std::int64_t>& dims, std::int64_t size, const Place& place) {
  std::int64_t all = size;
  for (const auto n : dims)
    if (n == 0) return 0;
  for (const auto n : dims)
    if (__builtin_mul_overflow(all, n, &all)) place.refuse("its shape is more than any file holds");
  return all;
}

void require_filters(const Handle& list, const Place& place) {
  const int filters = H5Pget_nfilters(list.id());
  place.require(filters >= 0, "read its filters");
  for (int k = 0; k < filters; ++k) {
    unsigned flags = 0;
    unsigned config = 0;
    std::size_t values = 0;
    std::array<char, 64> name{};
    const auto filter = H5Pget_filter2(list.id(), unsigned(k), &flags, &values, nullptr,
                                       name.size(), name.data(), &config);
    place.require(filter >= 0, "read its filters");
    if (H5Zfilter_avail(filter) <= 0)
      place.refuse(cat("its filter ", filter, name[0] == '\0' ? "" : cat(" (", name.data(), ")"),
                       " is not available to this HDF5"),
                   "write it without, or with gzip: h5repack -f GZIP=4 FILE NEW");
  }
}

// HDF5 fills a chunk that is absent; a file that was written whole has them all.
void require_chunks(const StoredDataset& source, const Handle& list, std::int64_t value_bytes,
                    std::int64_t most, const Place& place) {
  std::vector<hsize_t> chunk(source.dims.size());
  const int rank = H5Pget_chunk(list.id(), int(chunk.size()), chunk.data());
  place.require(rank == int(chunk.size()), "read its chunks");
  std::int64_t wanted = 1;
  std::int64_t chunk_bytes = value_bytes;
  for (std::size_t k = 0; k < chunk.size(); ++k) {
    const auto n = std::int64_t(chunk[k]);
    if (n < 1 || __builtin_mul_overflow(chunk_bytes, n, &chunk_bytes) || chunk_bytes > most)
      place.refuse("one of its chunks is larger than what the file can hold");
    wanted *= (source.dims[k] + n - 1) / n;
  }
  hsize_t stored = 0;
  const hid_t space_id = H5Dget_space(source.dataset.id());
  place.require(space_id >= 0, "read its shape");
  const Handle space(space_id, H5Sclose, "get a dataspace");
  place.require(H5Dget_num_chunks(source.dataset.id(), space.id(), &stored) >= 0,
                "count its chunks");
  if (std::int64_t(stored) < wanted)
    place.refuse(
        cat(wanted - std::int64_t(stored), " of its ", wanted, " chunks were never written"));
}

void require_storage(const StoredDataset& source, const Place& place, std::int64_t file_bytes) {
  const hid_t id = H5Dget_create_plist(source.dataset.id());
  place.require(id >= 0, "read how it is stored");
  const Handle list(id, H5Pclose, "get a creation list");
  const auto layout = H5Pget_layout(list.id());
  place.require(layout >= 0, "read how it is stored");
  if (layout == H5D_VIRTUAL) place.refuse("it is a virtual dataset of other datasets", one_file);
  if (H5Pget_external_count(list.id()) > 0)
    place.refuse("its values stand in another file (external storage)", one_file);
  require_filters(list, place);
  if (source.count == 0) return;

  const auto value_bytes = std::int64_t(H5Tget_size(source.type.id()));
  const auto declared = product(source.dims, value_bytes, place);
  const auto stored = std::int64_t(H5Dget_storage_size(source.dataset.id()));
  // DEFLATE makes at most 1032 bytes of one
  constexpr std::int64_t most_by_compression = 1032;
  const bool filtered = H5Pget_nfilters(list.id()) > 0;
  const auto most = file_bytes * (filtered ? most_by_compression : 1);
  if (stored <= 0)
    place.refuse(cat("it declares ", source.count, " values, and none was ever written"));
  if (declared > most || stored > file_bytes || (!filtered && stored < declared))
    place.refuse(
        cat("it declares ", declared, " bytes and stores ", stored, ", in a file of ", file_bytes));
  if (layout == H5D_CHUNKED) require_chunks(source, list, value_bytes, most, place);
}

bool is_plain(hid_t type, std::size_t bits) {
  const auto order = H5Tget_order(type);
  return (order == H5T_ORDER_LE || order == H5T_ORDER_BE) && H5Tget_offset(type) == 0 &&
         H5Tget_precision(type) == bits;
}

bool is_integer(hid_t type) {
  const auto bytes = H5Tget_size(type);
  return H5Tget_class(type) == H5T_INTEGER &&
         (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) && is_plain(type, 8 * bytes);
}

// IEEE 754, of 16, 32 or 64 bits
bool is_real(hid_t type) {
  if (H5Tget_class(type) != H5T_FLOAT) return false;
  const auto bytes = H5Tget_size(type);
  const std::size_t exponent = bytes == 2 ? 5 : bytes == 4 ? 8 : bytes == 8 ? 11 : 0;
  if (exponent == 0 || !is_plain(type, 8 * bytes)) return false;
  std::size_t sign_at = 0;
  std::size_t exponent_at = 0;
  std::size_t exponent_bits = 0;
  std::size_t mantissa_at = 0;
  std::size_t mantissa_bits = 0;
  if (H5Tget_fields(type, &sign_at, &exponent_at, &exponent_bits, &mantissa_at, &mantissa_bits) < 0)
    return false;
  const auto mantissa = 8 * bytes - 1 - exponent;
  return sign_at == 8 * bytes - 1 && exponent_at == mantissa && exponent_bits == exponent &&
         mantissa_at == 0 && mantissa_bits == mantissa &&
         H5Tget_ebias(type) == (std::size_t(1) << (exponent - 1)) - 1 &&
         H5Tget_norm(type) == H5T_NORM_IMPLIED;
}

H5T_conv_ret_t refuse_overflow(H5T_conv_except_t what, hid_t, hid_t, void*, void*, void* overflow) {
  if (what != H5T_CONV_EXCEPT_RANGE_HI && what != H5T_CONV_EXCEPT_RANGE_LOW)
    return H5T_CONV_UNHANDLED;
  *static_cast<bool*>(overflow) = true;
  return H5T_CONV_ABORT;
}

const char* name_of(H5T_class_t type) {
  switch (type) {
    case H5T_INTEGER:
      return "whole numbers";
    case H5T_FLOAT:
      return "floating-point numbers";
    case H5T_STRING:
      return "texts";
    case H5T_ENUM:
      return "an enumeration (h5py writes booleans so)";
    case H5T_COMPOUND:
      return "records of several fields";
    case H5T_REFERENCE:
      return "references";
    case H5T_VLEN:
      return "lists of variable length";
    case H5T_ARRAY:
      return "arrays";
    default:
      return "bytes without a meaning";
  }
}

}  // namespace

void Place::refuse(const std::string& why, const std::string& what_to_do) const {
  throw InputError(cat("cannot read ", inside, " in ", file), why,
                   what_to_do.empty() ? make_again : what_to_do);
}

void Place::require(bool worked, const std::string& what) const {
  if (worked) return;
  const auto reason = last_error();
  refuse(cat("HDF5 could not ", what, reason.empty() ? "" : ": ", reason,
             "; the file is damaged or truncated"));
}

bool links_to(const Handle& file, const Place& place) {
  for (std::size_t at = 0; at != std::string::npos;) {
    at = place.inside.find('/', at + 1);
    const auto part = place.inside.substr(0, at);
    if (part == "/") continue;
    const auto found = H5Lexists(file.id(), part.c_str(), H5P_DEFAULT);
    place.require(found >= 0, cat("look for ", part));
    if (found == 0) return false;
    require_hard_link(file, place, part);
  }
  return true;
}

StoredDataset open_stored(const Handle& file, const Place& place, std::int64_t file_bytes) {
  if (!links_to(file, place))
    place.refuse("there is no such dataset: it is a file of another kind or version, or damaged");
  StoredDataset source;
  source.dataset = open_as_dataset(file, place);
  const hid_t type = H5Dget_type(source.dataset.id());
  place.require(type >= 0, "read its type");
  source.type = Handle(type, H5Tclose, "get a type");
  source.dims = dims_of(source.dataset, place);
  source.count = product(source.dims, 1, place);
  require_storage(source, place, file_bytes);
  return source;
}

void require_kind(hid_t type, Kind kind, const Place& place) {
  const auto found = H5Tget_class(type);
  if (kind == Kind::text) {
    if (found != H5T_STRING) place.refuse(cat("it holds ", name_of(found), ", not texts"));
    if (H5Tis_variable_str(type) != 0)
      place.refuse(
          "it is a text of variable length, as an earlier fedfuse and h5py write it, and fedfuse "
          "reads texts of fixed length: HDF5 crashes where one of the others is damaged",
          "make the file again with this fedfuse, or rewrite its texts as results/README.md shows "
          "(h5py: attrs[name] = numpy.bytes_(text))");
    return;
  }
  const char* wanted = kind == Kind::integer ? "whole numbers" : "floating-point numbers";
  if (found != (kind == Kind::integer ? H5T_INTEGER : H5T_FLOAT))
    place.refuse(cat("it holds ", name_of(found), ", not ", wanted));
  if (!(kind == Kind::integer ? is_integer(type) : is_real(type)))
    place.refuse(cat("it holds ", wanted, " in a form that is not the usual one"));
}

Handle exact_transfer(bool& overflow) {
  Handle list(H5Pcreate(H5P_DATASET_XFER), H5Pclose, "make a transfer list");
  ok(H5Pset_type_conv_cb(list.id(), refuse_overflow, &overflow), "watch conversions");
  return list;
}

}  // namespace fedfuse::h5
