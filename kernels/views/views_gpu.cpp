#include "kernels/views/views_gpu.hpp"

#include <algorithm>
#include <bit>

#include "core/error.hpp"

namespace fedfuse::views {
namespace {

std::int64_t padded(std::int64_t width) { return (width + 3) / 4 * 4; }

// Floats of each buffer; the constructor and the plan of memory read the same table.
struct Sizes {
  std::int64_t operators, table, moments, words, features = 0, masks, views, wide, hidden, gates,
                                                 norms, partial;
  Sizes(const Layout& l, const MyItems& mine, bool adam, std::int64_t chunk) {
    const auto rows = std::min(chunk, mine.rows), size = std::int64_t(l.size);
    operators = size;
    table = mine.all * l.d;
    moments = adam ? 1 : 0;
    words = 2 * size;
    for (std::size_t m = 1; m < branches; ++m) features += mine.rows * padded(l.branch[m].width);
    masks = (branches - 1) * mine.rows;
    views = mine.rows * l.d * std::int64_t(l.views.size());
    wide = 3 * rows * l.d;
    norms = 3 * rows;
    hidden = l.has(View::mlp) ? 2 * rows * l.d : 0;
    gates = l.has(View::gate) ? wide : 0;
    partial = (rows + block_items - 1) / block_items * size;
  }
};

}  // namespace

std::int64_t OnDevice::bytes(const Layout& layout, const MyItems& mine, bool moments,
                             std::int64_t chunk) {
  const Sizes n(layout, mine, moments, chunk);
  constexpr std::int64_t word = 4;
  return word * ((2 + 2 * n.moments) * n.operators + (2 + 2 * n.moments) * n.table + 2 * n.words +
                 n.features + n.views + 3 * n.wide + n.norms + 2 * (n.hidden + n.gates) +
                 n.partial + 2) +
         n.masks;
}

OnDevice::OnDevice(const std::shared_ptr<gpu::Device>& device, const Layout& layout,
                   const MyItems& mine, const std::array<const float*, branches>& features,
                   const std::array<const std::uint8_t*, branches>& has, bool moments,
                   std::int64_t chunk)
    : layout_(layout), mine_(mine), chunk_(chunk), stream_(device) {
  FEDFUSE_CHECK(layout.d % 4 == 0, "a device reads rows of D in vectors of four");
  FEDFUSE_CHECK(mine.first % block_items == 0 && chunk % block_items == 0,
                "ranks and chunks take whole blocks of items");
  FEDFUSE_CHECK((mine.all + block_items - 1) / block_items < most_blocks,
                "too many items for the exact sum of gradients");
  const Sizes n(layout, mine, moments, chunk);
  const auto make = [&](gpu::Buffer<float>& buffer, std::int64_t size) {
    buffer = gpu::Buffer<float>(device, std::size_t(size));
  };
  const auto make_state = [&](State& state, std::int64_t size) {
    make(state.values, size);
    make(state.m, n.moments * size);
    make(state.v, n.moments * size);
  };
  make_state(operators_, n.operators);
  make_state(table_, n.table);
  make(transposed_, n.operators);
  make(grad_D_, n.table);
  for (std::size_t j = 0; j < layout.views.size(); ++j) make(views_[j], mine.rows * layout.d);
  for (auto* wide : {&y_, &x_, &dx_}) make(*wide, n.wide);
  make(inverse_sd_, n.norms);
  make(h_, n.hidden);
  make(dh_, n.hidden);
  make(s_, n.gates);
  make(ds_, n.gates);
  make(partial_, n.partial);
  partial_.fill_bytes(0, stream_);  // the gaps of the layout are never written and must add nothing
  words_ = gpu::Buffer<std::int64_t>(device, std::size_t(n.words));
  misfit_ = gpu::Buffer<std::int32_t>(device, 1);
  most_ = gpu::Buffer<std::uint32_t>(device, 1);
  place_features(features, has);
}

void OnDevice::place_features(const std::array<const float*, branches>& features,
                              const std::array<const std::uint8_t*, branches>& has) {
  const auto& device = stream_.shared_device();
  for (std::size_t m = 1; m < branches; ++m) {
    const auto width = layout_.branch[m].width, pitch = padded(width), rows = mine_.rows;
    features_[m] = gpu::Buffer<float>(device, std::size_t(rows * pitch));
    if (width > 0 && width == pitch)
      features_[m].copy_in({features[m] + mine_.first * width, std::size_t(rows * width)}, stream_);
    if (width != pitch) {
      std::vector<float> wide(std::size_t(rows * pitch), 0.0f);
      for (std::int64_t i = 0; i < rows; ++i)
        std::copy_n(features[m] + (mine_.first + i) * width, width, wide.data() + i * pitch);
      features_[m].copy_in(wide, stream_);
      stream_.synchronise();
    }
    if (width == 0 || has[m] == nullptr) continue;
    has_[m] = gpu::Buffer<std::uint8_t>(device, std::size_t(rows));
    has_[m].copy_in({has[m] + mine_.first, std::size_t(rows)}, stream_);
  }
  stream_.synchronise();
}

GpuChunk OnDevice::chunk(std::int64_t first) const {
  GpuChunk c;
  c.rows = std::min(chunk_, mine_.rows - first);
  for (std::size_t m = 0; m < branches; ++m) {
    c.pitch[m] = padded(layout_.branch[m].width);
    c.features[m] =
        m == 0
            ? table_.values.data() + (mine_.first + first) * layout_.d
            : (c.pitch[m] == 0 ? x_.data()
                               : features_[m].data() + first * c.pitch[m]);  // width 0: never read
    c.has[m] = has_[m].size() == 0 ? nullptr : has_[m].data() + first;
  }
  c.parameters = operators_.values.data();
  c.transposed = transposed_.data();
  for (std::size_t j = 0; j < layout_.views.size(); ++j)
    c.views[j] = views_[j].data() + first * layout_.d;
  c.y = y_.data();
  c.x = x_.data();
  c.inverse_sd = inverse_sd_.data();
  c.h = h_.data();
  c.s = s_.data();
  c.dx = dx_.data();
  c.dh = dh_.data();
  c.ds = ds_.data();
  c.partial = partial_.data();
  c.grad_D = grad_D_.data() + (mine_.first + first) * layout_.d;
  c.words = words_.data();
  c.misfit = misfit_.data();
  return c;
}

void OnDevice::need_transposed(const gpu::Stream& on) {
  if (transposed_is_new_) return;
  gpu::on_platform(on.device(), [&]<class P>(P) {
    Launch<P>::transpose_weights(layout_, operators_.values.data(), transposed_.data(), on);
  });
  transposed_is_new_ = true;
}

void OnDevice::forward(const gpu::Stream& on) {
  need_transposed(on);
  gpu::on_platform(on.device(), [&]<class P>(P) {
    for (std::int64_t first = 0; first < mine_.rows; first += chunk_)
      Launch<P>::forward(layout_, chunk(first), on);
  });
}

void OnDevice::backward(float scale, float unscale, const gpu::Stream& on) {
  need_transposed(on);
  words_.fill_bytes(0, on);
  misfit_.fill_bytes(0, on);
  gpu::on_platform(on.device(), [&]<class P>(P) {
    for (std::int64_t first = 0; first < mine_.rows; first += chunk_) {
      auto c = chunk(first);
      c.scale = scale;
      c.unscale = unscale;
      Launch<P>::backward(layout_, c, on);
    }
  });
}

float OnDevice::largest() {
  std::vector<const gpu::Buffer<float>*> all;
  for (std::size_t j = 0; j < layout_.views.size(); ++j) all.push_back(&views_[j]);
  return largest_of(all);
}

float OnDevice::largest_of_state() {
  std::vector<const gpu::Buffer<float>*> all;
  for (const auto* state : {&operators_, &table_})
    for (const auto* buffer : {&state->values, &state->m, &state->v})
      if (buffer->size() > 0) all.push_back(buffer);
  return largest_of(all);
}

float OnDevice::largest_of(std::span<const gpu::Buffer<float>* const> buffers) {
  most_.fill_bytes(0, stream_);
  gpu::on_platform(stream_.device(), [&]<class P>(P) {
    for (const auto* buffer : buffers)
      Launch<P>::largest(buffer->data(), std::int64_t(buffer->size()), most_.data(), stream_);
  });
  std::uint32_t bits = 0;
  most_.copy_out({&bits, 1}, stream_);
  stream_.synchronise();
  return std::bit_cast<float>(bits);
}

bool OnDevice::fits() const {
  std::int32_t bad = 0;
  misfit_.copy_out({&bad, 1}, stream_);
  stream_.synchronise();
  return bad == 0;
}

void OnDevice::step(double factor, const AdamFactors& operators, const AdamFactors& table) {
  const auto step = [&](State& state, const float* gradient, const std::int64_t* words,
                        const AdamFactors& factors) {
    const GpuStep s{.n = std::int64_t(state.values.size()),
                    .values = state.values.data(),
                    .m = state.m.data(),
                    .v = state.v.data(),
                    .gradient = gradient,
                    .words = words,
                    .factor = factor,
                    .factors = factors};
    gpu::on_platform(stream_.device(), [&]<class P>(P) { Launch<P>::step(s, stream_); });
  };
  step(operators_, nullptr, words_.data(), operators);
  step(table_, grad_D_.data(), nullptr, table);
  transposed_is_new_ = false;
}

namespace {

// In three chunks, and both halves of the state from the host and back: a row of the table of
// variants.
void run(const std::shared_ptr<gpu::Device>& device, const Problem& p, Result& result) {
  OnDevice there(device, p.layout, {p.items, 0, p.items}, p.features, p.has, false,
                 std::max<std::int64_t>(1, p.items / 3 / block_items) * block_items);
  const auto size = p.layout.size, cells = std::size_t(p.items * p.layout.d);
  const auto& stream = there.stream();
  there.operators().values.copy_in({p.parameters, size}, stream);
  there.table().values.copy_in({p.features[0], cells}, stream);
  there.forward();
  std::vector<float> floats(cells);
  result.views.clear();
  for (std::size_t j = 0; j < p.layout.views.size(); ++j) {
    there.view(j).copy_out(floats, stream);
    stream.synchronise();
    result.views.emplace_back(floats.begin(), floats.end());
    there.view(j).copy_in({p.view_grad[j], cells}, stream);
  }
  there.backward(1.0f, 1.0f);
  FEDFUSE_CHECK(there.fits(), "the gradients of the views are finite");
  std::vector<std::int64_t> words(2 * size);
  there.words().copy_out(words, stream);
  there.grad_D().copy_out(floats, stream);
  stream.synchronise();
  result.D.assign(floats.begin(), floats.end());
  result.gradient.resize(size);
  for (std::size_t k = 0; k < size; ++k)
    result.gradient[k] = double(words[k]) * 0x1p-16 + double(words[size + k]) * 0x1p-60;
}

}  // namespace

void cuda(const Problem& p, Result& result) { run(gpu::open_cuda_device(0), p, result); }
void emulated(const Problem& p, Result& result) { run(gpu::open_emulated_device(), p, result); }

}  // namespace fedfuse::views
