#include "core/gpu/nccl_reducer.hpp"

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <limits>
#include <span>
#include <thread>

#include "core/error.hpp"
#include "core/gpu/wanted_library.hpp"
#include "core/text.hpp"
#include "core/timer.hpp"

namespace fedfuse::gpu {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

// Between two looks. Sums of microseconds are waited for, so at first it looks again at once; later
// the core is left to others.
class Pause {
 public:
  void operator()() {
    if (++looks_ < 1000)
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }

 private:
  int looks_ = 0;
};

// What kept a rank from connecting. echo: it may be no more than another rank's failure, seen from
// here.
struct Trouble {
  std::string own, echo;
};

// The lowest rank's text that is not empty, with the rank, on all of them.
std::string first_of(std::string text, const Comm& comm) {
  const auto mine = text.empty() ? std::optional<std::int64_t>() : comm.rank();
  const auto first = comm.min(mine);
  if (!first) return "";
  comm.broadcast(text, int(*first));
  return cat("rank ", *first, ": ", text);
}
std::string agree(const Trouble& trouble, const Comm& comm) {
  auto own = first_of(trouble.own, comm);
  return own.empty() ? first_of(trouble.echo, comm) : own;
}

class NcclReducer final : public Reducer {
 public:
  NcclReducer(const NcclCalls& calls, const Comm& ranks, NcclLimits limits)
      : calls_(calls), ranks_(ranks), limits_(limits) {}
  ~NcclReducer() override {
    if (comm_ == nullptr) return;
    // On an error of one rank the others are not here to end it together.
    const bool together = std::uncaught_exceptions() == exceptions_;
    if (together && settle(calls_.finalise(comm_), now_seconds() + limits_.connect) == ncclSuccess)
      calls_.destroy(comm_);
    else
      abort();
  }
  NcclReducer(const NcclReducer&) = delete;
  NcclReducer& operator=(const NcclReducer&) = delete;

  // Collective. Why ranks could not connect, the same on all of them; empty: they did.
  [[nodiscard]] std::string connect(const std::shared_ptr<Device>& device) {
    // goes after the abort: memory that a kernel still waits with is not given back before
    std::unique_ptr<Trial> trial;
    ranks_.together([&] { trial = std::make_unique<Trial>(device); });
    ncclUniqueId id{};
    auto why = agree(attempt([&] {
                       return ranks_.root() ? trouble(calls_.get_unique_id(&id), "ncclGetUniqueId")
                                            : Trouble{};
                     }),
                     ranks_);
    if (!why.empty()) return why;
    ranks_.broadcast(std::span(&id, 1));
    const double until = now_seconds() + limits_.connect;
    why = agree(attempt([&] { return init(id, *device, until); }), ranks_);
    if (why.empty()) why = agree(attempt([&] { return prove(*trial, until); }), ranks_);
    if (!why.empty()) abort();  // on all ranks, as NCCL requires
    return why;
  }
  void sum(std::int64_t* words, std::size_t count, const Stream& stream) override {
    // A rank that is late is no error, so this has no deadline; one that failed ends us all.
    if (const auto state = post(words, count, stream, never); state != ncclSuccess)
      fail(state, "ncclAllReduce", __LINE__);
  }
  void wait(const Stream& stream) override {
    if (const auto state = finish(stream, never); state != ncclSuccess)
      fail(state, "ncclAllReduce, while it was waited for", __LINE__);
  }

 private:
  struct Trial {
    explicit Trial(const std::shared_ptr<Device>& device)
        : stream(device), word(device, 1), host(device, 1) {}
    Stream stream;
    Buffer<std::int64_t> word;
    Pinned<std::int64_t> host;
  };

  Trouble init(const ncclUniqueId& id, const Device& device, double until) {
    device.make_current();
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    // NCCL_COMM_BLOCKING=1 in the environment overrules it, and the deadlines with it
    config.blocking = 0;
    return trouble(settle(calls_.init(&comm_, ranks_.size(), id, ranks_.rank(), &config), until),
                   "ncclCommInitRankConfig");
  }
  // Connections are made when they are first used.
  Trouble prove(Trial& trial, double until) {
    trial.host[0] = ranks_.rank() + 1;
    trial.word.copy_in(trial.host.first(1), trial.stream);
    auto state = post(trial.word.data(), 1, trial.stream, until);
    if (state == ncclSuccess) {
      trial.word.copy_out(trial.host.first(1), trial.stream);
      state = finish(trial.stream, until);
    }
    if (state != ncclSuccess) return trouble(state, "a first ncclAllReduce");
    const std::int64_t p = ranks_.size();
    return trial.host[0] == p * (p + 1) / 2 ? Trouble{}
                                            : Trouble{"a first ncclAllReduce gave a wrong sum", ""};
  }
  static Trouble attempt(const std::function<Trouble()>& work) {
    try {
      return work();
    } catch (const std::exception& e) {  // of the device
      return {e.what(), ""};
    }
  }
  [[nodiscard]] Trouble trouble(ncclResult_t state, const char* expression) const {
    if (state == ncclSuccess) return {};
    if (state == ncclInProgress)
      return {"", cat(expression, " did not end within ", limits_.connect, " s")};
    const auto text = cat(expression, ": ", calls_.text(state));
    return state == ncclRemoteError ? Trouble{"", text} : Trouble{text, ""};
  }

  // Puts a sum on the stream: while it is under way nothing else may be put there, it would come
  // before.
  ncclResult_t post(std::int64_t* words, std::size_t count, const Stream& stream, double until) {
    check_alive();
    stream.device().make_current();
    return settle(calls_.all_reduce(words, words, count, ncclInt64, ncclSum, comm_,
                                    static_cast<cudaStream_t>(stream.handle())),
                  until);
  }
  // ncclInProgress: until has passed.
  ncclResult_t settle(ncclResult_t state, double until) const {
    for (Pause pause; state == ncclInProgress && now_seconds() < until; pause()) state = look();
    return state;
  }
  ncclResult_t finish(const Stream& stream, double until) const {
    check_alive();
    for (Pause pause;; pause()) {
      const bool done = stream.is_done();  // before the look: what an error ended is no sum
      if (const auto state = look(); state != ncclSuccess && state != ncclInProgress) return state;
      if (done) return ncclSuccess;
      if (now_seconds() >= until) return ncclInProgress;
    }
  }
  [[nodiscard]] ncclResult_t look() const {
    ncclResult_t state = ncclSuccess;
    const auto asked = calls_.async_error(comm_, &state);
    return asked == ncclSuccess ? state : asked;
  }
  void check_alive() const {
    FEDFUSE_CHECK(comm_ != nullptr, "NCCL failed before, and its communicator is no more");
  }
  [[noreturn]] void fail(ncclResult_t state, const char* expression, int line) {
    // kernels that wait for other ranks would keep the device's memory from being given back
    abort();
    throw InternalError(cat(__FILE__, ":", line, ": ", expression, " on rank ", ranks_.rank(), ": ",
                            calls_.text(state)));
  }
  // What does not come back is left to the end of the process, on a thread of its own: the flag
  // that ends kernels is up by then.
  void abort() noexcept {
    if (comm_ == nullptr) return;
    try {
      std::packaged_task<void()> task([abort = calls_.abort, comm = comm_] { abort(comm); });
      comm_ = nullptr;
      const auto done = task.get_future();
      std::thread(std::move(task)).detach();
      done.wait_for(std::chrono::duration<double>(limits_.abort));
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
      // there is no thread to be had: the process is about to end
    }
  }

  NcclCalls calls_;
  Comm ranks_;
  NcclLimits limits_;
  ncclComm_t comm_ = nullptr;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace

NcclCalls load_nccl() {
  WantedLibrary nccl("libnccl.so.2");
  NcclCalls calls;
  const auto load = [&]<class F>(F& function, const char* symbol) {
    nccl.load(function, symbol, ": it is older than 2.14");
  };
  load(calls.get_unique_id, "ncclGetUniqueId");
  load(calls.init, "ncclCommInitRankConfig");
  load(calls.all_reduce, "ncclAllReduce");
  load(calls.async_error, "ncclCommGetAsyncError");
  load(calls.finalise, "ncclCommFinalize");
  load(calls.destroy, "ncclCommDestroy");
  load(calls.abort, "ncclCommAbort");
  load(calls.text, "ncclGetErrorString");
  calls.refused = nccl.refused();
  return calls;
}

ChosenReducer choose_nccl(const NcclCalls& calls, const std::shared_ptr<Device>& device,
                          const Comm& comm, NcclLimits limits) {
  if (const auto why = agree({calls.refused, ""}, comm); !why.empty()) return no_reducer(why);
  auto reducer = std::make_unique<NcclReducer>(calls, comm, limits);
  const auto why = reducer->connect(device);
  if (why.empty()) return {std::move(reducer), "nccl"};
  if (comm.root())
    std::fprintf(stderr, "fedfuse: warning: NCCL failed, so sums go over MPI: %s\n", why.c_str());
  return no_reducer("NCCL failed: " + why);
}

}  // namespace fedfuse::gpu
