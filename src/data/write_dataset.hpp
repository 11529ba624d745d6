#pragma once
// Writing a data set. Everything that makes data sets (generate, import) writes through this one
// function.
//
// Schema 1 (HDF5; N clients, M items, n training interactions; texts have a fixed length):
//   /   format "fedfuse-dataset", schema_version, name, created_by, details (JSON),
//                          clients, items, train_interactions, evaluated_valid, evaluated_test
//   /interactions/offsets  int64 [N+1]   the training items of client u are items[offsets[u] ..
//                          offsets[u+1])
//   /interactions/items    int32 [n]     ascending within a client
//   /split/valid, test     int32 [N]     held-out item, -1: none
//   /items/text, image     float32 [M x d]  absent when no item has the modality
//   /items/has_text, _image uint8 [M]    1 where the item has it (only beside its features)
//   /items/latent   float32 [M x L], /items/group int32 [M]: planted content and topic (generated
//                   data only)
//   /items/id, /clients/id strings       ids of the source (imported data only)
//   /clients/label         int32 [N]     planted or given group, -1: none (optional)
#include <cstdint>
#include <string>
#include <vector>

#include "core/comm.hpp"
#include "core/matrix.hpp"
#include "core/stop.hpp"

namespace fedfuse {

inline constexpr const char* dataset_format = "fedfuse-dataset";

// What one rank contributes: the item side whole (rank 0's copy is written), and a block of
// consecutive clients; the blocks of the ranks follow each other.
struct DatasetParts {
  std::string name, created_by;
  std::string details = "{}";  // JSON: how it was made
  std::int64_t clients = 0, items = 0;

  // M x ..., 0 columns: absent; the same widths on every rank
  Matrix<float> text, image, latent;
  std::vector<std::uint8_t> has_text, has_image;  // M, when text, image are there
  std::vector<std::int32_t> item_group;           // M or empty
  std::vector<std::string> item_ids, client_ids;  // empty, or all M, N on every rank

  std::int64_t first_client = 0;
  std::vector<std::int64_t> offsets{0};   // own clients + 1, from 0
  std::vector<std::int32_t> train;        // own interactions
  std::vector<std::int32_t> valid, test;  // own clients
  std::vector<std::int32_t> label;        // own clients, or empty on every rank
};

// Collective. Writes beside `path` and renames, so that `path` is whole or untouched. InputError on
// all ranks when it exists and overwrite is false, cannot be written, or the disk is full; nothing
// is left behind then, nor when stop asks on a rank before the data set gets its name (Stopped).
// The caller holds the claim on path (output_claim.hpp).
void write_dataset(const DatasetParts& parts, const std::string& path, bool overwrite,
                   const Comm& comm, const Stop& stop = {});

}  // namespace fedfuse
