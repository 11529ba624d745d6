# Flags that every target of ours shares, and the two verbs of the sub-folders.
add_library(fedfuse_flags INTERFACE)
# -Wno-restrict, -Wno-maybe-uninitialized: GCC 12 warns of overlapping copies inside std::string
# that cannot be (GCC bug 105651), and of its own AVX-512 intrinsics (GCC bug 105593).
target_compile_options(fedfuse_flags INTERFACE -Wall -Wextra -Wshadow -Wno-psabi
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-maybe-uninitialized>
  $<$<BOOL:${FEDFUSE_WERROR}>:-Werror>
  $<$<BOOL:${FEDFUSE_NATIVE}>:-march=native>)
if(FEDFUSE_SANITIZE)
  target_compile_options(fedfuse_flags INTERFACE -fsanitize=${FEDFUSE_SANITIZE}
    -fno-omit-frame-pointer)
  target_link_options(fedfuse_flags INTERFACE -fsanitize=${FEDFUSE_SANITIZE})
endif()
# EIGEN_DONT_PARALLELIZE: our own blocks decide what a thread does, so that bits do not depend on
# threads.
target_compile_definitions(fedfuse_flags INTERFACE EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
target_include_directories(fedfuse_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
target_include_directories(fedfuse_flags SYSTEM INTERFACE ${FEDFUSE_RANDOM123_INCLUDE_DIRS})
target_link_libraries(fedfuse_flags INTERFACE MPI::MPI_CXX hdf5::hdf5 Eigen3::Eigen
  OpenMP::OpenMP_CXX Threads::Threads nlohmann_json::nlohmann_json)

# Shared: the code stands once beside many programs, as in jobs/bundle.sh. What calls its own
# functions calls them straight, as in a static one.
set(kind STATIC)
if(FEDFUSE_SHARED)
  set(kind SHARED)
  list(LENGTH FEDFUSE_TARGETS targets)
  if(targets GREATER 1)
    message(FATAL_ERROR "FEDFUSE_SHARED with the targets ${FEDFUSE_TARGETS_TEXT}\n  why: programs "
      "link one library\n  do:  name one of them in FEDFUSE_TARGETS\n")
  endif()
  # Programs find libraries in the folder lib of an archive, and so do their libraries: they inherit
  # an RPATH, and no RUNPATH.
  list(APPEND CMAKE_BUILD_RPATH "\$ORIGIN/../../lib" "\$ORIGIN/../../../lib"
    "\$ORIGIN/../../../../lib")
  add_link_options(-Wl,--disable-new-dtags)
endif()
foreach(target IN LISTS FEDFUSE_TARGETS)
  fedfuse_of(library fedfuse_lib ${target})
  add_library(${library} ${kind})
  target_link_libraries(${library} PUBLIC fedfuse_flags PRIVATE ZLIB::ZLIB)
  target_include_directories(${library} PRIVATE ${FEDFUSE_GENERATED})
  if(FEDFUSE_HAVE_OPENSSL)
    target_link_libraries(${library} PRIVATE OpenSSL::Crypto)
    target_compile_definitions(${library} PUBLIC FEDFUSE_HAVE_OPENSSL)
  endif()
  if(NOT FEDFUSE_NATIVE)
    fedfuse_target_flags(${library} ${target})
  endif()
  if(FEDFUSE_SHARED)
    set_target_properties(${library} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(${library} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-semantic-interposition>)
    target_link_options(${library} PRIVATE -Wl,-Bsymbolic-functions)
  endif()
endforeach()

# Half of a file's compile time is the parsing of these. The sources include what they use all the
# same: a build without FEDFUSE_PRECOMPILE, the lint and the headers' test see to that.
set(FEDFUSE_STANDARD_HEADERS <algorithm> <array> <cmath> <cstdint> <filesystem> <fstream>
  <functional> <limits> <map> <memory> <numeric> <optional> <set> <span> <string> <string_view>
  <thread> <utility> <vector> <mpi.h> <hdf5.h>)
# fedfuse_precompile(target [header...] [REUSE_FROM other]): the standard headers and these.
function(fedfuse_precompile target)
  if(FEDFUSE_PRECOMPILE)
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>)
    cmake_parse_arguments(ARG "" "REUSE_FROM" "" ${ARGN})
    if(ARG_REUSE_FROM)
      target_precompile_headers(${target} REUSE_FROM ${ARG_REUSE_FROM})
    else()
      target_precompile_headers(${target} PRIVATE ${FEDFUSE_STANDARD_HEADERS} ${ARGN})
    endif()
  endif()
endfunction()
foreach(target IN LISTS FEDFUSE_TARGETS)
  fedfuse_of(library fedfuse_lib ${target})
  fedfuse_precompile(${library})
endforeach()

# fedfuse_sources(a.cpp b.cpp): sources of the current folder into the library, of every target.
function(fedfuse_sources)
  foreach(target IN LISTS FEDFUSE_TARGETS)
    fedfuse_of(library fedfuse_lib ${target})
    foreach(source ${ARGN})
      cmake_path(ABSOLUTE_PATH source)
      target_sources(${library} PRIVATE ${source})
    endforeach()
  endforeach()
endfunction()

# fedfuse_cuda_objects(name): what nvcc compiles, with what ptxas says of it beside the objects.
function(fedfuse_cuda_objects name)
  add_library(${name} OBJECT)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
  target_include_directories(${name} SYSTEM PRIVATE ${FEDFUSE_RANDOM123_INCLUDE_DIRS})
  # Random123 would include every intrinsic of the processor, of which nvcc 12 cannot read those of
  # GCC 13 for AMX. Philox uses none.
  target_compile_definitions(${name} PRIVATE FEDFUSE_HAVE_CUDA R123_USE_SSE=0)
  target_compile_options(${name} PRIVATE --expt-relaxed-constexpr -lineinfo -Xcompiler=-Wall,-Wextra
    -Xptxas=-v)
  if(FEDFUSE_SHARED OR NOT FEDFUSE_NATIVE)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  set_target_properties(${name} PROPERTIES RULE_LAUNCH_COMPILE
    "\"${PROJECT_SOURCE_DIR}/src/cmake/keep_ptxas_report.sh\" <OBJECT>")
endfunction()
if(FEDFUSE_HAVE_CUDA)
  # compiled once, and a part of every target's library, whose CPU code launches the kernels
  fedfuse_cuda_objects(fedfuse_cuda)
  foreach(target IN LISTS FEDFUSE_TARGETS)
    fedfuse_of(library fedfuse_lib ${target})
    target_link_libraries(${library} PRIVATE fedfuse_cuda)
  endforeach()
  target_compile_definitions(fedfuse_flags INTERFACE FEDFUSE_HAVE_CUDA)
  # NVTX loads a profiler's library, where there is one; cuBLAS and NCCL are loaded when wanted
  target_link_libraries(fedfuse_flags INTERFACE CUDA::cudart ${CMAKE_DL_LIBS})
endif()
# fedfuse_kernel_sources(a.cu): a CUDA source goes into the library twice: compiled by nvcc (where
# there is one), and by the host compiler over core/gpu/simt.hpp, where every CUDA thread is a
# fiber: the same source is proved where no GPU is near.
function(fedfuse_kernel_sources)
  foreach(source ${ARGN})
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    get_filename_component(name ${source} NAME_WE)
    set(emulated ${CMAKE_CURRENT_BINARY_DIR}/${name}_emulated.cpp)
    file(CONFIGURE OUTPUT ${emulated} CONTENT "#include \"${file}\"\n")
    fedfuse_sources(${emulated})
    set_source_files_properties(${emulated} TARGET_DIRECTORY fedfuse_lib
      PROPERTIES COMPILE_OPTIONS "-Wno-unknown-pragmas" OBJECT_DEPENDS ${file})
    if(FEDFUSE_HAVE_CUDA)
      target_sources(fedfuse_cuda PRIVATE ${file})
    endif()
  endforeach()
endfunction()
