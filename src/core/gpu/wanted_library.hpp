#pragma once
// A library that is loaded when it is wanted, so that the program starts without it. It stays until
// the process ends, and its functions with it.
#include <dlfcn.h>

#include <memory>
#include <string>
#include <utility>

#include "core/text.hpp"

namespace fedfuse::gpu {

class WantedLibrary {
 public:
  explicit WantedLibrary(std::string name)
      : name_(std::move(name)),
        opened_(dlopen(name_.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), close) {
    if (opened_ == nullptr) refused_ = cat(name_, " cannot be loaded");
  }
  // why: what a missing symbol tells; behind "<library> has no <symbol>".
  template <class F>
  void load(F& function, const char* symbol, const char* why = "") {
    if (opened_ == nullptr) return;
    function = reinterpret_cast<F>(dlsym(opened_.get(), symbol));
    if (function == nullptr && refused_.empty()) refused_ = cat(name_, " has no ", symbol, why);
  }
  // Why it cannot be called, by the first thing that was missing; empty: it can.
  [[nodiscard]] const std::string& refused() const { return refused_; }

 private:
  static void close(void* opened) { dlclose(opened); }
  std::string name_, refused_;
  std::unique_ptr<void, void (*)(void*)> opened_;
};

}  // namespace fedfuse::gpu
