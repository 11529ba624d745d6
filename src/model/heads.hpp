#pragma once
// THE table of heads (prediction functions). To add one: its header in heads/, its name in HeadKind
// (core/config/model.hpp), and here its include and its row. heads/linear.hpp says what a head
// consists of.
//
// Code that is compiled for every head calls with_head; all other code asks model/head.hpp.
#include "model/heads/linear.hpp"
#include "model/heads/mlp.hpp"
#include "model/heads/neumf.hpp"

namespace fedfuse {

template <class... Heads>
struct HeadList {};

using HeadTable = HeadList<heads::Linear,  //
                           heads::Mlp,     //
                           heads::Neumf>;

// f.operator()<Head>() with the head of this kind.
template <class F, class Head, class... Others>
decltype(auto) with_head(HeadKind kind, const F& f, HeadList<Head, Others...>) {
  if constexpr (sizeof...(Others) > 0)
    if (kind != Head::kind) return with_head(kind, f, HeadList<Others...>{});
  return f.template operator()<Head>();
}
template <class F>
decltype(auto) with_head(HeadKind kind, const F& f) {
  return with_head(kind, f, HeadTable{});
}

}  // namespace fedfuse
