// Compiled only where CUDA is found.
#include "core/gpu/launch_facts.hpp"

#include <cuda_runtime_api.h>
#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/gpu/cuda_errors.hpp"

namespace fedfuse::gpu {
namespace {

// As in the source, without namespaces, template arguments and parameters.
std::string plain_name(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  std::string name = readable ? readable.get() : symbol;
  constexpr std::string_view hidden = "(anonymous namespace)::";
  for (auto at = name.find(hidden); at != std::string::npos; at = name.find(hidden))
    name.erase(at, hidden.size());
  name = name.substr(0, name.find_first_of("<("));
  return name.substr(name.find_last_of(" :") + 1);  // npos + 1 is 0
}

std::string name_of(const void* function) {
#if CUDART_VERSION >= 12030
  const char* symbol = nullptr;
  if (cudaFuncGetName(&symbol, function) == cudaSuccess) return plain_name(symbol);
#else
  (void)function;
  (void)plain_name;
#endif
  return "";
}

}  // namespace

LaunchFacts cuda_launch_facts(const void* function, std::uint64_t blocks, unsigned threads,
                              std::size_t shared_bytes) {
  LaunchFacts facts{.kernel = name_of(function),
                    .blocks = blocks,
                    .threads = threads,
                    .shared_bytes = shared_bytes};
  check_cuda(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&facts.fit, function, int(threads),
                                                           shared_bytes),
             "blocks of a kernel that fit");
  return facts;
}

}  // namespace fedfuse::gpu
