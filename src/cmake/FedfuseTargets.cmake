# Flags that every target of ours shares, and the two verbs of the sub-folders.
add_library(fedfuse_flags INTERFACE)
# -Wno-restrict: GCC 12 warns of overlapping copies inside std::string that cannot be (GCC bug 105651).
target_compile_options(fedfuse_flags INTERFACE -Wall -Wextra -Wshadow -Wno-psabi $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  $<$<BOOL:${FEDFUSE_WERROR}>:-Werror>
  $<$<BOOL:${FEDFUSE_NATIVE}>:-march=native>)
if(FEDFUSE_SANITIZE)
  target_compile_options(fedfuse_flags INTERFACE -fsanitize=${FEDFUSE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(fedfuse_flags INTERFACE -fsanitize=${FEDFUSE_SANITIZE})
endif()
# EIGEN_DONT_PARALLELIZE: our own blocks decide what a thread does, so that bits do not depend on threads.
target_compile_definitions(fedfuse_flags INTERFACE EIGEN_DONT_PARALLELIZE EIGEN_MPL2_ONLY)
target_include_directories(fedfuse_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
target_include_directories(fedfuse_flags SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR})
target_link_libraries(fedfuse_flags INTERFACE MPI::MPI_CXX hdf5::hdf5 Eigen3::Eigen OpenMP::OpenMP_CXX Threads::Threads nlohmann_json::nlohmann_json)

add_library(fedfuse_lib STATIC)
target_link_libraries(fedfuse_lib PUBLIC fedfuse_flags)

# fedfuse_sources(a.cpp b.cpp): sources of the current folder into the library.
function(fedfuse_sources)
  foreach(source ${ARGN})
    target_sources(fedfuse_lib PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/${source})
  endforeach()
endfunction()
