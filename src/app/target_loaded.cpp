#include <dlfcn.h>

#include "app/target.hpp"
#include "core/error.hpp"
#include "core/target_file.hpp"
#include "core/text.hpp"

namespace fedfuse {

Program program_of(Isa level) {
  const auto path = target_file(cat("libfedfuse-", level, ".so"));
  // never closed: its threads and its exit handlers live as long as the process
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* symbol = library == nullptr ? nullptr : dlsym(library, "fedfuse_program");
  if (symbol == nullptr)
    throw InputError(cat("cannot load the code for ", level, " from ", path), dlerror(),
                     "install fedfuse again with all its files, or choose another --isa");
  return reinterpret_cast<Program>(symbol);
}

}  // namespace fedfuse
