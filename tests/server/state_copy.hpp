#pragma once
// All state that training goes on from, in memory: to see that a round left it alone, and to go on
// from it elsewhere.
#include <cstring>
#include <map>
#include <string>

#include "clients/state_visitor.hpp"
#include "server/federation.hpp"

namespace fedfuse::test {

class StateCopy {
 public:
  explicit StateCopy(Federation& federation) {
    Visitor save(*this, false);
    federation.visit(save);
  }
  void restore_to(Federation& federation) {
    Visitor load(*this, true);
    federation.visit(load);
  }
  bool operator==(const StateCopy&) const = default;
  // As a program that did not have it would have left it.
  void forget(const std::string& name) { bytes_.erase(name); }
  [[nodiscard]] std::span<std::int64_t> numbers(const std::string& name) {
    auto& bytes = bytes_.at(name);
    return {reinterpret_cast<std::int64_t*>(bytes.data()), bytes.size() / sizeof(std::int64_t)};
  }
  // Of this rank's clients.
  [[nodiscard]] std::span<std::int32_t> groups() {
    auto& bytes = bytes_.at("clients/group");
    return {reinterpret_cast<std::int32_t*>(bytes.data()), bytes.size() / sizeof(std::int32_t)};
  }

 private:
  class Visitor final : public StateVisitor {
   public:
    Visitor(StateCopy& copy, bool load) : copy_(copy), load_(load) {}
    [[nodiscard]] bool loads() const override { return load_; }
    [[nodiscard]] bool has(const std::string& name) const override {
      return !load_ || copy_.bytes_.contains(name);
    }
    void shared(const std::string& name, std::span<float> v) override { flat(name, v); }
    void shared(const std::string& name, std::span<double> v) override { flat(name, v); }
    void shared(const std::string& name, std::span<std::int64_t> v) override { flat(name, v); }
    void matrix(const std::string& name, Matrix<float>& m) override { whole(name, m); }
    void matrix(const std::string& name, Matrix<double>& m) override { whole(name, m); }
    void text(const std::string& name, std::string& value) override {
      if (load_)
        value = copy_.bytes_.at(name);
      else
        copy_.bytes_[name] = value;
    }
    void rows(const std::string& name, const RowSplit&, std::int64_t, std::span<float> v) override {
      flat(name, v);
    }
    void clients(const std::string& name, std::int64_t, std::span<float> v) override {
      flat(name, v);
    }
    void clients(const std::string& name, std::int64_t, std::span<std::int32_t> v) override {
      flat(name, v);
    }
    void overlay(const std::string& name, OverlayStore& rows) override {
      if (load_)
        rows = copy_.overlays_.at(name);
      else
        copy_.overlays_[name] = rows;
    }

   private:
    template <class T>
    void flat(const std::string& name, std::span<T> values) {
      if (values.empty()) return;
      if (load_)
        std::memcpy(values.data(), copy_.bytes_.at(name).data(), values.size_bytes());
      else
        copy_.bytes_[name].assign(reinterpret_cast<const char*>(values.data()),
                                  values.size_bytes());
    }
    template <class T>
    void whole(const std::string& name, Matrix<T>& m) {
      auto& shape = copy_.shapes_[name];
      if (load_)
        m = Matrix<T>(shape.first, shape.second);
      else
        shape = {m.rows, m.cols};
      flat(name, m.span());
    }
    StateCopy& copy_;
    bool load_;
  };

  std::map<std::string, std::string> bytes_;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> shapes_;
  std::map<std::string, OverlayStore> overlays_;
};

}  // namespace fedfuse::test
