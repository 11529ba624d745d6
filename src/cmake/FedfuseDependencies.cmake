# Everything comes from Debian's packages; jobs/setup.sh installs what is missing.

# fedfuse_beside_system(out folder): the folder, or nothing where the compiler looks there anyway:
# named again (-isystem /usr/include), it would come before the compiler's own headers, whose
# #include_next <stdlib.h> then finds nothing.
function(fedfuse_beside_system out folder)
  file(REAL_PATH "${folder}" real)
  foreach(implicit IN LISTS CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    file(REAL_PATH "${implicit}" known)
    if(real STREQUAL known)
      set(folder "")
    endif()
  endforeach()
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
set(MPI_CXX_SKIP_MPICXX ON)  # no libmpi_cxx, no deprecated bindings
find_package(MPI REQUIRED COMPONENTS C CXX)
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "parallel HDF5 is needed (Debian: libhdf5-openmpi-dev)")
endif()
find_package(ZLIB REQUIRED)  # CRC-32 of checkpoints; parallel HDF5 brings it
# No version here: find_package(Eigen3 3.4) refuses 5, which followed 3.4.
find_package(Eigen3 REQUIRED NO_MODULE)
if(Eigen3_VERSION VERSION_LESS 3.4)
  message(FATAL_ERROR "Eigen ${Eigen3_VERSION} is too old: 3.4 or newer is needed")
endif()
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
fedfuse_beside_system(FEDFUSE_RANDOM123_INCLUDE_DIRS "${RANDOM123_INCLUDE_DIR}")

# CUDA, cuBLAS and NCCL are used where they are found; without them everything builds and runs on
# the CPU.
set(FEDFUSE_CUDA_REPORT "not looked for")
set(FEDFUSE_NCCL_REPORT "not looked for")
set(FEDFUSE_HAVE_CUDA OFF)
if(FEDFUSE_CUDA)
  set(FEDFUSE_CUDA_REPORT "absent")
  set(FEDFUSE_NCCL_REPORT "absent")
  find_package(CUDAToolkit QUIET)
  include(CheckLanguage)
  if(CUDAToolkit_FOUND)
    check_language(CUDA)
  endif()
  if(CUDAToolkit_FOUND AND CMAKE_CUDA_COMPILER)
    # before enable_language, which would choose an old one
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
    endif()
    set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
    enable_language(CUDA)
    # CMake before 3.25.2 does not know that nvcc 12 speaks C++20
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(FEDFUSE_HAVE_CUDA ON)
    set(FEDFUSE_CUDA_REPORT "${CUDAToolkit_VERSION}")
    find_library(NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
    find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
    if(NCCL_LIBRARY AND NCCL_INCLUDE_DIR)
      file(STRINGS ${NCCL_INCLUDE_DIR}/nccl.h of_2_14 REGEX "ncclCommInitRankConfig" LIMIT_COUNT 1)
      set(FEDFUSE_NCCL_REPORT "found")
      fedfuse_beside_system(FEDFUSE_NCCL_INCLUDE_DIRS "${NCCL_INCLUDE_DIR}")
      if(NOT of_2_14)  # communicators that do not block
        set(FEDFUSE_NCCL_REPORT "older than 2.14: not used")
      endif()
    endif()
  endif()
endif()
message(STATUS "fedfuse: CUDA toolkit ${FEDFUSE_CUDA_REPORT}, NCCL ${FEDFUSE_NCCL_REPORT}")
