#include "tests/support/nccl_stand_in.hpp"

#ifdef FEDFUSE_HAVE_NCCL
#include <chrono>
#include <functional>
#include <thread>

#include "core/text.hpp"

// NCCL's header leaves open what a communicator is.
struct ncclComm {
  bool blocked = false;  // never goes on by itself
  int looks_left = 0;    // until what is under way is done, and then
  std::function<ncclResult_t()> then;
  int sums = 0;
  bool finalised = false;
  std::atomic<bool> over = false;  // aborted or destroyed
};

namespace fedfuse::test {
namespace {

NcclStandIn* living = nullptr;

// A kernel that waits for a rank which never comes.
void wait_on_stream(gpu::Device& device, void* stream, const std::shared_ptr<ncclComm>& comm) {
  gpu::enqueue_emulated(device, stream, [&device, stream, comm] {
    if (!comm->over) wait_on_stream(device, stream, comm);
  });
}

}  // namespace

struct NcclStandIn::Functions {
  static constexpr int looks = 5;

  static ncclResult_t under_way(ncclComm& comm, std::function<ncclResult_t()> then) {
    comm.looks_left = looks;
    comm.then = std::move(then);
    return ncclInProgress;
  }
  static ncclResult_t misuse() {
    ++living->misused_;
    return ncclInvalidUsage;
  }
  static bool usable(ncclComm_t comm) { return comm != nullptr && !comm->over && !comm->finalised; }

  static ncclResult_t get_unique_id(ncclUniqueId* id) {
    *id = {.internal = "stand-in"};
    return ncclSuccess;
  }
  static ncclResult_t init(ncclComm_t* out, int ranks, ncclUniqueId id, int rank,
                           ncclConfig_t* config) {
    auto& self = *living;
    if (ranks != self.comm_.size() || rank != self.comm_.rank() ||
        id.internal != std::string("stand-in") || config->blocking != 0)
      return misuse();
    if (self.here(Fault::init_refused)) return ncclUnhandledCudaError;
    self.communicators_.push_back(std::make_shared<ncclComm>());
    auto& comm = *self.communicators_.back();
    *out = &comm;
    const bool another_fails = self.fault_ == Fault::init_refused ||
                               self.fault_ == Fault::init_fails ||
                               self.fault_ == Fault::init_echoes;
    if (self.here(Fault::init_fails) || self.here(Fault::init_echoes))
      return under_way(comm, [] { return ncclUnhandledCudaError; });
    if (self.fault_ == Fault::init_echoes && rank < self.rank_)
      return under_way(comm, [] { return ncclRemoteError; });
    comm.blocked = another_fails || self.here(Fault::init_never_ends);
    return under_way(comm, [] { return ncclSuccess; });
  }
  // Enters the stream only after a few queries.
  static ncclResult_t all_reduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                                 ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
    if (!usable(comm) || comm->looks_left > 0 || from != to || type != ncclInt64 ||
        operation != ncclSum)
      return misuse();
    auto& self = *living;
    const bool trial = comm->sums++ == 0;
    if (!trial && self.here(Fault::sum_refused)) return ncclInternalError;
    return under_way(*comm, [=, &self] {
      const auto& communicator = self.communicators_.back();
      if (self.fault_ == Fault::trial_never_ends || (self.fault_ == Fault::sum_breaks && !trial)) {
        wait_on_stream(*self.device_, stream, communicator);
        if (self.here(Fault::sum_breaks)) under_way(*comm, [] { return ncclSystemError; });
        return ncclSuccess;
      }
      gpu::enqueue_emulated(*self.device_, stream, [=, &self] {
        auto* const words = static_cast<std::int64_t*>(to);
        self.comm_.sum({words, count});
        if (trial && self.here(Fault::trial_wrong)) ++*words;
      });
      return ncclSuccess;
    });
  }
  static ncclResult_t async_error(ncclComm_t comm, ncclResult_t* state) {
    if (comm == nullptr || comm->over) return misuse();
    *state = ncclInProgress;
    if (comm->blocked || --comm->looks_left > 0) return ncclSuccess;
    comm->looks_left = 0;
    const auto then = std::move(comm->then);
    *state = then ? then() : ncclSuccess;
    if (*state != ncclSuccess) comm->then = [error = *state] { return error; };  // for good
    return ncclSuccess;
  }
  static ncclResult_t finalise(ncclComm_t comm) {
    if (!usable(comm)) return misuse();
    comm->finalised = true;
    comm->blocked = living->fault_ == Fault::sum_breaks;
    return under_way(*comm, [] { return ncclSuccess; });
  }
  static ncclResult_t destroy(ncclComm_t comm) {
    if (comm == nullptr || comm->over || !comm->finalised || comm->looks_left > 0) return misuse();
    comm->over = true;
    ++living->destroyed_;
    return ncclSuccess;
  }
  static ncclResult_t abort(ncclComm_t comm) {
    auto& self = *living;
    ++self.aborting_;
    comm->over = true;
    ++self.aborted_;
    while (self.aborts_hang_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --self.aborting_;
    return ncclSuccess;
  }
  static const char* text(ncclResult_t state) {
    return state == ncclUnhandledCudaError ? "cuda is broken"
           : state == ncclRemoteError      ? "another rank is broken"
                                           : "a link is broken";
  }
};

NcclStandIn::NcclStandIn(std::shared_ptr<gpu::Device> device, const Comm& comm, Fault fault,
                         int on_rank)
    : device_(std::move(device)), comm_(comm), fault_(fault), rank_(on_rank) {
  living = this;
}
NcclStandIn::~NcclStandIn() {
  aborts_hang_ = false;
  while (aborting_ > 0) std::this_thread::yield();
  living = nullptr;
}
gpu::NcclCalls NcclStandIn::calls() {
  using F = Functions;
  return {F::get_unique_id, F::init,     F::all_reduce,
          F::async_error,   F::finalise, F::destroy,
          F::abort,         F::text,     ""};
}

}  // namespace fedfuse::test
#endif
