#pragma once
// Reads one group of client/* of the golden file into the reference's dense form.
#include <string>
#include <vector>

#include "core/h5.hpp"
#include "kernels/local_train/local_train_ref.hpp"

namespace fedfuse::test {

struct ClientCase {
  local_train::Shape shape;
  local_train::DenseRates rates;
  local_train::DenseClient client;
  local_train::DenseSteps steps;
};

inline std::vector<double> read_double(const h5::File& file, const std::string& name) {
  const auto dims = file.shape(name);
  if (dims.size() == 3) {  // h5::File reads tables; three dimensions are read whole
    const h5::Handle plain(H5Fopen(file.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose,
                           "open");
    const h5::Handle set(H5Dopen2(plain.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "open");
    std::vector<double> values(std::size_t(dims[0] * dims[1] * dims[2]));
    H5Dread(set.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    return values;
  }
  const auto values = file.read_all<double>(name);
  return {values.begin(), values.end()};
}

// The names of a head's (and router's) arrays in the order of HeadLayout and RouterLayout.
inline std::vector<std::string> theta_names(HeadKind kind) {
  if (kind == HeadKind::linear) return {"w", "b"};
  if (kind == HeadKind::mlp) return {"W_u", "W_z", "b1", "w", "b"};
  return {"W1", "b1", "W2", "b2", "W3", "b3", "w", "b"};
}
inline std::vector<std::string> user_names(HeadKind kind) {
  if (kind == HeadKind::linear) return {};
  if (kind == HeadKind::mlp) return {"u"};
  return {"u1", "u2"};
}
inline std::vector<std::string> router_names() { return {"Phi1", "phi1", "Phi2", "phi2"}; }

inline std::vector<double> concatenated(const h5::File& file, const std::string& group,
                                        const std::vector<std::string>& names) {
  std::vector<double> all;
  for (const auto& name : names) {
    const auto part = read_double(file, group + "/" + name);
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

// An attribute that older files lack.
inline bool flag(const h5::File& file, const std::string& group, const std::string& name,
                 bool missing) {
  return file.has_attribute(group, name) ? file.integer(group, name) != 0 : missing;
}

inline ClientCase read_client_case(const h5::File& file, const std::string& group) {
  ClientCase c;
  const int d = int(file.integer(group, "d"));
  const auto kind = parse_choice<HeadKind>("head", file.text(group, "head"));
  const std::string in = group + "/in";
  c.shape.head = head_layout(kind, d);
  c.shape.d = d;
  c.shape.views = int(file.integer(group, "views"));
  c.shape.rows_trained = flag(file, group, "rows_trained", c.shape.views == 1);
  c.shape.personal = file.integer(group, "personal") != 0;
  c.shape.width = int(file.shape(in + "/table")[2]);
  if (c.shape.views > 1) c.shape.router = router_layout(c.shape.views, d);
  c.rates = {file.number(group, "lr"),
             file.number(group, "lr_items"),
             file.number(group, "weight_decay"),
             file.number(group, "distill_lambda"),
             file.number(group, "alpha"),
             file.number(group, "beta"),
             flag(file, group, "soft_negatives_only", false)};
  c.client.items = file.shape(in + "/table")[1];
  c.client.theta = concatenated(file, in, theta_names(kind));
  c.client.user = concatenated(file, in, user_names(kind));
  if (c.shape.views > 1) c.client.router = concatenated(file, in, router_names());
  c.client.table = read_double(file, in + "/table");
  if (c.shape.personal) c.client.personal = read_double(file, in + "/P");
  c.client.soft = read_double(file, in + "/soft_label");
  const auto items = file.read_matrix<std::int64_t>(in + "/step_items");
  const auto labels = file.read_matrix<double>(in + "/step_labels");
  for (std::int64_t k = 0; k < items.rows; ++k) {
    c.steps.items.emplace_back();
    c.steps.labels.emplace_back();
    for (std::int64_t i = 0; i < items.cols; ++i)
      if (items(k, i) >= 0) {
        c.steps.items.back().push_back(items(k, i));
        c.steps.labels.back().push_back(labels(k, i));
      }
  }
  return c;
}

}  // namespace fedfuse::test
