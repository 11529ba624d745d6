#include "results/agreement.hpp"

#include <array>

#include "core/crc32.hpp"

namespace fedfuse {
namespace {

// One CRC-32 of everything that is the same on every rank, in the order of the list.
class SharedState final : public StateVisitor {
 public:
  [[nodiscard]] Crc32 crc() const { return crc_; }

  void shared(const std::string&, std::span<float> values) override { add(crc32_of(of(values))); }
  void shared(const std::string&, std::span<double> values) override { add(crc32_of(of(values))); }
  void shared(const std::string&, std::span<std::int64_t> values) override {
    add(crc32_of(of(values)));
  }
  void matrix(const std::string&, Matrix<float>& values) override {
    add(crc32_of(of(values.span())));
  }
  void matrix(const std::string&, Matrix<double>& values) override {
    add(crc32_of(of(values.span())));
  }
  void text(const std::string&, std::string& value) override {
    add(crc32_of(std::span<const char>(value)));
  }
  void rows(const std::string&, const RowSplit&, std::int64_t, std::span<float>) override {}
  void clients(const std::string&, std::int64_t, std::span<float>) override {}
  void clients(const std::string&, std::int64_t, std::span<std::int32_t>) override {}
  void overlay(const std::string&, OverlayStore&) override {}

 private:
  template <class T>
  static std::span<const T> of(std::span<T> values) {
    return values;
  }
  void add(Crc32 next) { crc_ = joined(crc_, next); }
  Crc32 crc_;
};

}  // namespace

std::int64_t ranks_that_differ(const VisitState& visit, const Comm& comm) {
  SharedState mine;
  visit(mine);
  std::array<std::int64_t, 2> of_root{std::int64_t(mine.crc().value), mine.crc().bytes};
  const auto of_mine = of_root;
  comm.broadcast(std::span<std::int64_t>(of_root));
  return comm.sum(std::int64_t(of_mine != of_root));
}

}  // namespace fedfuse
