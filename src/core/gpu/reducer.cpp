#include "core/gpu/reducer.hpp"

#include "core/text.hpp"

#ifdef FEDFUSE_HAVE_NCCL
#include <dlfcn.h>
#include <nccl.h>

#include <exception>
#include <span>
#endif

namespace fedfuse::gpu {
namespace {

class EmulatedReducer final : public Reducer {
 public:
  explicit EmulatedReducer(const Comm& comm) : comm_(comm) {}
  void sum(std::int64_t* words, std::size_t count, const Stream& stream) override {
    enqueue_emulated(stream, [this, words, count] { comm_.sum({words, count}); });
  }

 private:
  Comm comm_;
};

#ifdef FEDFUSE_HAVE_NCCL

// Loaded when it is wanted: a machine without it, or with another one in a module, still starts the program.
class Library {
 public:
  Library() : handle_(dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), dlclose_quietly) {
    if (handle_ == nullptr) return;
    load(get_id, "ncclGetUniqueId"), load(init, "ncclCommInitRank"), load(destroy, "ncclCommDestroy");
    load(all_reduce, "ncclAllReduce"), load(text, "ncclGetErrorString");
  }
  [[nodiscard]] bool usable() const { return get_id && init && destroy && all_reduce && text; }
  void check(ncclResult_t code, const char* what) const {
    if (code != ncclSuccess) throw InternalError(cat("NCCL: ", what, ": ", text(code)));
  }
  decltype(&ncclGetUniqueId) get_id = nullptr;
  decltype(&ncclCommInitRank) init = nullptr;
  decltype(&ncclCommDestroy) destroy = nullptr;
  decltype(&ncclAllReduce) all_reduce = nullptr;
  decltype(&ncclGetErrorString) text = nullptr;

 private:
  static void dlclose_quietly(void* library) {
    if (library != nullptr) dlclose(library);
  }
  template <class F>
  void load(F& function, const char* name) {
    function = reinterpret_cast<F>(dlsym(handle_.get(), name));
  }
  std::shared_ptr<void> handle_;
};

class NcclReducer final : public Reducer {
 public:
  NcclReducer(std::shared_ptr<const Library> library, const Comm& comm) : library_(std::move(library)) {
    ncclUniqueId id{};
    comm.on_root([&] { library_->check(library_->get_id(&id), "a unique id"); });
    comm.broadcast(std::span(&id, 1));
    comm.together([&] { library_->check(library_->init(&comm_, comm.size(), id, comm.rank()), "a communicator"); });
  }
  // On an error of one rank the others are not here to end it together: then it is left to the end of the process.
  ~NcclReducer() override {
    if (comm_ != nullptr && std::uncaught_exceptions() == exceptions_) library_->destroy(comm_);
  }
  NcclReducer(const NcclReducer&) = delete;
  NcclReducer& operator=(const NcclReducer&) = delete;
  void sum(std::int64_t* words, std::size_t count, const Stream& stream) override {
    stream.device().make_current();
    library_->check(library_->all_reduce(words, words, count, ncclInt64, ncclSum, comm_, static_cast<cudaStream_t>(stream.handle())), "a sum");
  }

 private:
  std::shared_ptr<const Library> library_;
  ncclComm_t comm_ = nullptr;
  int exceptions_ = std::uncaught_exceptions();
};
#endif

}  // namespace

std::unique_ptr<Reducer> make_emulated_reducer(const Comm& comm) { return std::make_unique<EmulatedReducer>(comm); }

ChosenReducer choose_reducer(const Device& device, std::int64_t ranks_on_device, const Comm& comm) {
  if (comm.size() == 1) return {nullptr, "none"};
  if (device.info().emulated) return {make_emulated_reducer(comm), "mpi on the emulated device's memory"};
  const std::string fallback = "mpi over pinned host memory: ";
  if (ranks_on_device > 1) return {nullptr, fallback + "ranks share a device"};
#ifdef FEDFUSE_HAVE_NCCL
  auto library = std::make_shared<const Library>();
  if (comm.max(std::int64_t(library->usable() ? 0 : 1)) > 0) return {nullptr, fallback + "libnccl.so.2 cannot be loaded"};
  return {std::make_unique<NcclReducer>(std::move(library), comm), "nccl"};
#else
  return {nullptr, fallback + "built without NCCL"};
#endif
}

}  // namespace fedfuse::gpu
