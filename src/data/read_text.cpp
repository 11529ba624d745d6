#include "data/read_text.hpp"

#define ZLIB_CONST  // its input is const
#include <zlib.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/text.hpp"
#include "data/read_file.hpp"

namespace fedfuse {
namespace {

constexpr std::string_view gzip_magic = "\x1f\x8b";

class Gunzip {
 public:
  Gunzip(std::string_view compressed, const std::string& path) : rest_(compressed), path_(path) {
    constexpr int gzip_with_largest_window = 16 + MAX_WBITS;
    if (::inflateInit2(&stream_, gzip_with_largest_window) != Z_OK)
      refuse("there is no memory to decompress it", "use a machine with more memory");
  }
  ~Gunzip() { ::inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  std::string text() {
    while (rest_.starts_with(gzip_magic)) {
      member();
      // tapes and some tools fill the last block with zeros
      rest_.remove_prefix(std::min(rest_.find_first_not_of('\0'), rest_.size()));
    }
    if (!rest_.empty())
      refuse(cat("its last ", rest_.size(), " bytes are no gzip data"),
             "copy or download it again, and compare its size with that of the source");
    return std::move(text_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why, const std::string& what_to_do) const {
    const auto line = 1 + std::ranges::count(text_, '\n');
    throw InputError(cat("cannot read ", path_, ", line ", line), why, what_to_do);
  }

  void member() {
    int ended = Z_OK;
    while (ended != Z_STREAM_END) {
      ended = piece();
      if (ended == Z_OK || ended == Z_STREAM_END) continue;
      if (ended == Z_BUF_ERROR)
        refuse("its gzip data end in this line: the file is truncated",
               "copy or download it again, and compare its size with that of the source");
      refuse(cat("its gzip data are damaged", stream_.msg != nullptr ? cat(": ", stream_.msg) : ""),
             "copy or download it again; `gzip -t FILE` checks it");
    }
    ::inflateReset(&stream_);
  }

  // zlib counts in 32 bits.
  int piece() {
    constexpr std::size_t most_at_once = std::size_t(1) << 30;
    const auto given = std::min(rest_.size(), most_at_once);
    stream_.next_in = reinterpret_cast<const Bytef*>(rest_.data());
    stream_.avail_in = uInt(given);
    stream_.next_out = buffer_.data();
    stream_.avail_out = uInt(buffer_.size());
    const int ended = ::inflate(&stream_, Z_NO_FLUSH);
    rest_.remove_prefix(given - stream_.avail_in);
    append(buffer_.size() - stream_.avail_out);
    return ended;
  }

  void append(std::size_t bytes) {
    if (text_.size() + bytes > text_.capacity()) {
      const auto wanted = 2 * (text_.size() + bytes);
      if (std::int64_t(wanted) > available_memory_bytes())
        refuse(
            cat("up to here it has ", text_.size(), " bytes of text, and the memory holds no more"),
            "split it, or use a machine with more memory");
      text_.reserve(wanted);
    }
    text_.append(reinterpret_cast<const char*>(buffer_.data()), bytes);
  }

  std::string_view rest_;
  const std::string& path_;
  z_stream stream_{};
  std::vector<Bytef> buffer_ = std::vector<Bytef>(std::size_t(1) << 18);
  std::string text_;
};

}  // namespace

std::string read_text(const std::string& path) {
  auto bytes = read_file(path);
  if (!bytes.starts_with(gzip_magic)) return bytes;
  auto text = Gunzip(bytes, path).text();
  if (text.empty())
    throw InputError(cat("cannot read ", path), "its gzip data hold no text",
                     "check how it was made");
  return text;
}

}  // namespace fedfuse
