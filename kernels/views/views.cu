// One chunk of items forward and back: which products and passes, in which order. Everything that
// may run together is one launch.
#include "kernels/views/product.cuh"
#include "kernels/views/rows.cuh"
#include "kernels/views/sums.cuh"

namespace fedfuse::views {
namespace {

// The parts that a chunk's products and sums are made of.
class Chunk {
 public:
  Chunk(const Layout& layout, const GpuChunk& chunk, const gpu::Stream& stream)
      : l_(layout), c_(chunk), stream_(stream), d_(layout.d), rows_(int(chunk.rows)) {
    for (std::size_t j = 0; j < layout.views.size(); ++j)
      view_[std::size_t(layout.views[j])] = chunk.views[j];
  }

  // y, x, h, s; F_sum where it is asked for.
  void activations(bool with_views) const {
    Products encode, inner;
    for (std::size_t m = 0; m < branches; ++m) {
      const auto& b = l_.branch[m];
      auto& e = through(encode, c_.features[m], c_.pitch[m], b.width, b.A, d_,
                        c_.y + std::int64_t(m) * d_, 3 * d_);
      e.has = c_.has[m];
      e.bias = c_.parameters + b.a;
    }
    launch_products<true>(encode, 1, stream_);
    auto norms = this->norms();
    norms.x = c_.x;
    norms.sum = with_views ? up(View::sum) : nullptr;
    if (l_.layer_norm())
      gpu::launch(normalise_kernel, grid_for(32 * c_.rows), block, 0, stream_, norms);
    else
      gpu::launch(unnormalised_kernel, grid_for(c_.rows * d_), block, 0, stream_, norms);
    if (l_.has(View::mlp)) {
      auto& h = through(inner, c_.x, 3 * d_, 3 * d_, l_.W1, 2 * d_, c_.h, 2 * d_);
      h.bias = c_.parameters + l_.b1;
      h.then = Then::relu;
    }
    for (std::size_t m = 0; m < branches && l_.has(View::gate); ++m) {
      auto& s = through(inner, c_.x + std::int64_t(m) * d_, 3 * d_, d_, l_.branch[m].G, d_,
                        c_.s + std::int64_t(m) * d_, 3 * d_);
      s.bias = c_.parameters + l_.branch[m].g;
      s.then = Then::sigmoid;
    }
    launch_products<true>(inner, 1, stream_);
  }

  void outputs() const {
    Products outer;
    if (l_.has(View::mlp))
      through(outer, c_.h, 2 * d_, 2 * d_, l_.W2, d_, up(View::mlp), d_).bias =
          c_.parameters + l_.b2;
    if (l_.has(View::gate))
      through(outer, c_.s, 3 * d_, 3 * d_, l_.W_o, d_, up(View::gate), d_).bias =
          c_.parameters + l_.b_o;
    launch_products<true>(outer, 1, stream_);
  }

  // dL/dF -> dh, ds -> dx -> dy (in dx's place) -> dD.
  void back_rows() const {
    const bool sum = l_.has(View::sum), mlp = l_.has(View::mlp), gate = l_.has(View::gate);
    Products outer, joined, gates;
    if (sum)
      gpu::launch(back_sum_kernel, grid_for(c_.rows * d_ / 4), block, 0, stream_,
                  static_cast<const float*>(up(View::sum)), c_.scale, c_.rows, d_, c_.dx);
    if (mlp) {
      auto& dh = back(outer, up(View::mlp), d_, d_, l_.W2, 2 * d_, c_.dh, 2 * d_);
      dh.factor = c_.scale;
      dh.other = c_.h;
      dh.then = Then::where_positive;
      back(joined, c_.dh, 2 * d_, 2 * d_, l_.W1, 3 * d_, c_.dx, 3 * d_).add = sum;
    }
    if (gate) {
      auto& ds = back(outer, up(View::gate), d_, d_, l_.W_o, 3 * d_, c_.ds, 3 * d_);
      ds.factor = c_.scale;
      ds.other = c_.s;
      ds.then = Then::times_slope;
    }
    for (std::size_t m = 0; m < branches && gate; ++m) {
      const auto at = std::int64_t(m) * d_;
      back(gates, c_.ds + at, 3 * d_, d_, l_.branch[m].G, d_, c_.dx + at, 3 * d_).add = sum || mlp;
    }
    launch_products<true>(outer, 1, stream_);
    launch_products<true>(joined, 1, stream_);
    launch_products<true>(gates, 1, stream_);
  }

  void back_normalise() const {
    auto norms = this->norms();
    norms.x = c_.dx;
    if (l_.layer_norm())
      gpu::launch(back_normalise_kernel, grid_for(32 * branches * c_.rows), block, 0, stream_,
                  norms);
    Products table;
    back(table, c_.dx, 3 * d_, d_, l_.branch[0].A, d_, c_.grad_D, d_).factor = c_.unscale;
    launch_products<true>(table, 1, stream_);
  }

  // Bias and layer-norm gradients, while dx is dL/dx.
  void sums_of_inner() const {
    auto sums = this->sums();
    if (l_.has(View::mlp)) {
      add(sums, up(View::mlp), d_, d_, l_.b2).factor = c_.scale;
      add(sums, c_.dh, 2 * d_, 2 * d_, l_.b1);
    }
    if (l_.has(View::gate)) add(sums, up(View::gate), d_, d_, l_.b_o).factor = c_.scale;
    for (std::size_t m = 0; m < branches; ++m) {
      const auto at = std::int64_t(m) * d_;
      if (l_.has(View::gate)) add(sums, c_.ds + at, 3 * d_, d_, l_.branch[m].g);
      if (!l_.layer_norm()) continue;
      add(sums, c_.dx + at, 3 * d_, d_, l_.branch[m].ln_b);
      add(sums, c_.dx + at, 3 * d_, d_, l_.branch[m].ln_w).times = c_.y + at;
    }
    launch(sums);
  }

  // ... of the encoders' biases and of all matrices, once dx is dL/dy; then the exact sum.
  void sums_of_weights() const {
    auto sums = this->sums();
    Products weights;
    for (std::size_t m = 0; m < branches; ++m) {
      const auto at = std::int64_t(m) * d_;
      const auto& b = l_.branch[m];
      add(sums, c_.dx + at, 3 * d_, d_, b.a);
      weight(weights, c_.features[m], c_.pitch[m], b.width, c_.dx + at, 3 * d_, d_, b.A).has =
          c_.has[m];
      if (l_.has(View::gate)) weight(weights, c_.x + at, 3 * d_, d_, c_.ds + at, 3 * d_, d_, b.G);
    }
    if (l_.has(View::mlp)) {
      weight(weights, c_.h, 2 * d_, 2 * d_, up(View::mlp), d_, d_, l_.W2).factor = c_.scale;
      weight(weights, c_.x, 3 * d_, 3 * d_, c_.dh, 2 * d_, 2 * d_, l_.W1);
    }
    if (l_.has(View::gate))
      weight(weights, c_.s, 3 * d_, 3 * d_, up(View::gate), d_, d_, l_.W_o).factor = c_.scale;
    launch(sums);
    launch_products<false>(weights, blocks(), stream_);
    const auto size = std::int64_t(l_.size);
    gpu::launch(add_blocks_kernel, grid_for(size), block, 0, stream_,
                static_cast<const float*>(c_.partial), blocks(), size, c_.words, c_.misfit);
  }

 private:
  [[nodiscard]] float* up(View view) const { return view_[std::size_t(view)]; }
  [[nodiscard]] std::int64_t blocks() const { return (c_.rows + block_items - 1) / block_items; }

  Product& by_rows(Products& all, const float* a, std::int64_t a_pitch, std::int64_t k,
                   const float* b, std::int64_t n, float* c, std::int64_t c_pitch) const {
    auto& p = all.product[all.count++];
    p.m = rows_;
    p.n = int(n);
    p.k = int(k);
    p.a = a;
    p.a_pitch = a_pitch;
    p.b = b;
    p.b_pitch = n;
    p.c = c;
    p.c_pitch = c_pitch;
    return p;
  }
  // c = a W^T, W n x k; the way forward.
  Product& through(Products& all, const float* a, std::int64_t a_pitch, std::int64_t k,
                   std::size_t W, std::int64_t n, float* c, std::int64_t c_pitch) const {
    return by_rows(all, a, a_pitch, k, c_.transposed + W, n, c, c_pitch);
  }
  // c = a W, W k x n; the way back.
  Product& back(Products& all, const float* a, std::int64_t a_pitch, std::int64_t k, std::size_t W,
                std::int64_t n, float* c, std::int64_t c_pitch) const {
    return by_rows(all, a, a_pitch, k, c_.parameters + W, n, c, c_pitch);
  }
  // dL/dW[o][i] = sum over a block's items of dy[o] x[i].
  Product& weight(Products& all, const float* x, std::int64_t x_pitch, std::int64_t in,
                  const float* dy, std::int64_t dy_pitch, std::int64_t out, std::size_t W) const {
    auto& p = all.product[all.count++];
    p.m = int(in);
    p.n = int(out);
    p.k = rows_;
    p.a = x;
    p.a_pitch = x_pitch;
    p.b = dy;
    p.b_pitch = dy_pitch;
    p.c = c_.partial + W;
    p.c_pitch = in;
    p.c_block = std::int64_t(l_.size);
    return p;
  }
  [[nodiscard]] ColumnSums sums() const {
    ColumnSums sums;
    sums.rows = c_.rows;
    sums.size = std::int64_t(l_.size);
    sums.partial = c_.partial;
    return sums;
  }
  static ColumnSum& add(ColumnSums& all, const float* x, std::int64_t pitch, std::int64_t columns,
                        std::size_t at) {
    auto& s = all.sum[all.count++];
    s.x = x;
    s.pitch = pitch;
    s.columns = int(columns);
    s.at = std::int64_t(at);
    return s;
  }
  void launch(const ColumnSums& sums) const {
    int most = 0;
    for (int k = 0; k < sums.count; ++k)
      most = sums.sum[k].columns > most ? sums.sum[k].columns : most;
    gpu::launch(column_sums_kernel,
                {unsigned((most + 31) / 32), unsigned(blocks()), unsigned(sums.count)}, block,
                block * sizeof(float), stream_, sums);
  }
  [[nodiscard]] Norms norms() const {
    Norms n;
    n.rows = c_.rows;
    n.d = d_;
    n.y = c_.y;
    n.inverse_sd = c_.inverse_sd;
    for (std::size_t m = 0; m < branches && l_.layer_norm(); ++m) {
      n.weight[m] = c_.parameters + l_.branch[m].ln_w;
      n.bias[m] = c_.parameters + l_.branch[m].ln_b;
    }
    return n;
  }

  const Layout& l_;
  const GpuChunk& c_;
  const gpu::Stream& stream_;
  std::int64_t d_;
  int rows_;
  float* view_[3] = {};  // by View
};

}  // namespace

template <>
void Launch<gpu::Platform>::transpose_weights(const Layout& layout, const float* parameters,
                                              float* transposed, const gpu::Stream& stream) {
  Matrices all;
  for (const auto& e : layout.entries)
    if (e.rows > 1 && e.cols > 0)
      all.one[all.count++] = {std::int64_t(e.at), int(e.rows), int(e.cols)};
  constexpr unsigned blocks = 32;
  gpu::launch(transpose_weights_kernel, {blocks, unsigned(all.count), 1}, block,
              32 * tile_pitch * sizeof(float), stream, all, parameters, transposed);
}

template <>
void Launch<gpu::Platform>::forward(const Layout& layout, const GpuChunk& chunk,
                                    const gpu::Stream& stream) {
  const Chunk c(layout, chunk, stream);
  c.activations(true);
  c.outputs();
}

template <>
void Launch<gpu::Platform>::backward(const Layout& layout, const GpuChunk& chunk,
                                     const gpu::Stream& stream) {
  const Chunk c(layout, chunk, stream);
  c.activations(false);
  c.back_rows();
  c.sums_of_inner();
  c.back_normalise();
  c.sums_of_weights();
}

template <>
void Launch<gpu::Platform>::largest(const float* x, std::int64_t n, std::uint32_t* most,
                                    const gpu::Stream& stream) {
  gpu::launch(largest_kernel, grid_for(n), block, 0, stream, x, n, most);
}

template <>
void Launch<gpu::Platform>::step(const GpuStep& s, const gpu::Stream& stream) {
  gpu::launch(step_kernel, grid_for(s.n), block, 0, stream, s);
}

}  // namespace fedfuse::views
