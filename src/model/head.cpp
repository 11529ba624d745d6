#include "model/head.hpp"

#include <algorithm>
#include <array>

#include "model/heads.hpp"

namespace fedfuse {
namespace {

template <class... Heads>
constexpr std::array<HeadKind, sizeof...(Heads)> kinds_of(HeadList<Heads...>) {
  return {Heads::kind...};
}
constexpr auto kinds = kinds_of(HeadTable{});

constexpr bool every_name_has_a_row() {
  return std::ranges::equal(kinds, choice_names<HeadKind>, {}, {}, &Named<HeadKind>::value);
}
static_assert(every_name_has_a_row(), "the table of heads has the rows of choice_names<HeadKind>");

}  // namespace

HeadLayout head_layout(HeadKind kind, int d) {
  return with_head(kind, [&]<class Head> { return Head::layout(d); });
}

std::span<const HeadKind> all_heads() { return kinds; }

double head_multiply_adds(const HeadLayout& head) {
  return with_head(head.kind, [&]<class Head> { return Head::multiply_adds(head.d); });
}

double head_tower_flops(const HeadLayout& head) {
  return with_head(head.kind, [&]<class Head> {
    if constexpr (requires { Head::tower_flops(1.0); })
      return Head::tower_flops(head.d);
    else
      return 0.0;
  });
}

RouterLayout router_layout(int views, int d) {
  RouterLayout r{.d = d, .views = views};
  r.phi1 = views * d * d;
  r.Phi2 = r.phi1 + d;
  r.phi2 = r.Phi2 + views * d;
  r.size = r.phi2 + views;
  return r;
}

}  // namespace fedfuse
