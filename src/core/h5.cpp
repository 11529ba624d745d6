// Groups and shapes.
#include "core/h5.hpp"

#include "core/error.hpp"
#include "core/text.hpp"

namespace fedfuse::h5 {
namespace {

struct Names {
  std::vector<std::string> found;
  bool too_many = false;
};

herr_t add_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  constexpr std::size_t most = 65536;  // no file of ours comes near; a damaged group never ends
  auto& list = *static_cast<Names*>(names);
  list.too_many = list.found.size() >= most;
  if (!list.too_many) list.found.emplace_back(name);
  return list.too_many ? 1 : 0;
}

}  // namespace

void File::group(const std::string& path) {
  for (std::size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at + 1);
    const auto part = path.substr(0, at);
    if (!has(part))
      Handle(H5Gcreate2(file_.id(), part.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
             cat("create group ", part));
  }
}

bool File::has(const std::string& path) const { return links_to(file_, {path_, path}); }

std::vector<std::string> File::children(const std::string& group) const {
  const Place place{path_, group};
  if (!has(group)) place.refuse("there is no such group");
  const hid_t id = H5Oopen(file_.id(), group.c_str(), H5P_DEFAULT);
  place.require(id >= 0, "open it");
  const Handle object(id, H5Oclose, "open");
  if (H5Iget_type(object.id()) != H5I_GROUP) place.refuse("it is no group");
  Names names;
  place.require(H5Literate(object.id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add_name, &names) >= 0,
                "list it");
  if (names.too_many) place.refuse("it has more than 65536 members");
  return names.found;
}

std::vector<std::int64_t> File::shape(const std::string& dataset) const {
  return open_stored(file_, {path_, dataset}, bytes_).dims;
}

}  // namespace fedfuse::h5
