#pragma once
// Sums over the devices of all ranks, device to device. Integers: the same bits as MPI's.
#include <cstdint>
#include <memory>
#include <string>

#include "core/comm.hpp"
#include "core/gpu/device.hpp"

namespace fedfuse::gpu {

class Reducer {
 public:
  Reducer() = default;
  virtual ~Reducer() = default;
  Reducer(const Reducer&) = delete;
  Reducer& operator=(const Reducer&) = delete;
  // Collective; in place; asynchronous on the stream.
  virtual void sum(std::int64_t* words, std::size_t count, const Stream& stream) = 0;
};

struct ChosenReducer {
  std::unique_ptr<Reducer> reducer;  // null: sums go over MPI through pinned host memory
  std::string name;                  // for the record: nccl, or mpi and why
};
// NCCL where it was built in, its library can be loaded, and no two ranks share a device, which it refuses. Collective. ranks_on_device: of the
// device that is shared most.
[[nodiscard]] ChosenReducer choose_reducer(const Device& device, std::int64_t ranks_on_device, const Comm& comm);

// For the emulated device, whose memory MPI can read.
[[nodiscard]] std::unique_ptr<Reducer> make_emulated_reducer(const Comm& comm);

}  // namespace fedfuse::gpu
