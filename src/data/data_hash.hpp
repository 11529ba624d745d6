#pragma once
// The identity of a data set: a hash of what training and evaluation read of it.
//
// A client is a record of its id, held-out items, label and training items; an item is a record of
// its id, masks and features. The hash is the SHA-256 of the counts and of the sum, modulo 2^256,
// of the SHA-256 of all records (results/README.md has the bytes, and the same in Python). The sum
// is exact in any order, so the hash is the same for any number of ranks and threads, and a record
// is changed, added or lost without the hash changing only with probability 2^-256 (AdHash: Bellare
// and Micciancio, 1997).
#include <string>

#include "core/comm.hpp"
#include "data/dataset.hpp"

namespace fedfuse {

// 64 hexadecimal digits, the same on every rank. The name, the path, and the ids of the source are
// not part. Collective; every rank hashes its clients and its block of the items.
[[nodiscard]] std::string data_hash(const Dataset& data, const Comm& comm);

}  // namespace fedfuse
