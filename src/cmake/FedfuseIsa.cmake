# What the program is built for (src/core/isa.hpp): the processor of this machine, or several levels
# of instruction sets, each compiled as a whole, of which a start loads one. The reasons are in
# src/README.md.
include(GNUInstallDirs)
set(FEDFUSE_GENERATED ${PROJECT_BINARY_DIR}/generated)
if(FEDFUSE_NATIVE)
  set(FEDFUSE_TARGETS native)
else()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
    set(levels x86-64-v2 x86-64-v3 x86-64-v4)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(levels aarch64)
  else()
    set(levels generic)
  endif()
  set(FEDFUSE_TARGETS "${levels}" CACHE STRING "levels of a portable build: some of ${levels}")
  list(SORT FEDFUSE_TARGETS)
  foreach(target IN LISTS FEDFUSE_TARGETS)
    if(NOT target IN_LIST levels)
      message(FATAL_ERROR "FEDFUSE_TARGETS has \"${target}\"\n  why: a portable build for "
        "${CMAKE_SYSTEM_PROCESSOR} knows ${levels}\n  do:  name some of these\n")
    endif()
  endforeach()
  if(NOT FEDFUSE_TARGETS)
    message(FATAL_ERROR "FEDFUSE_TARGETS is empty\n  why: a program is built for something\n  do:  "
      "name some of ${levels}\n")
  endif()
endif()
list(GET FEDFUSE_TARGETS 0 FEDFUSE_LOWEST)
list(JOIN FEDFUSE_TARGETS "," FEDFUSE_TARGETS_TEXT)
file(RELATIVE_PATH FEDFUSE_LIBRARY_FOLDER ${CMAKE_INSTALL_FULL_BINDIR}
  ${CMAKE_INSTALL_FULL_LIBDIR}/fedfuse)
configure_file(${PROJECT_SOURCE_DIR}/src/core/targets.hpp.in
  ${FEDFUSE_GENERATED}/fedfuse_targets.hpp @ONLY)

# fedfuse_of(out name target): what `name` is called for a target: as it is for the lowest.
function(fedfuse_of out name target)
  if(NOT target STREQUAL FEDFUSE_LOWEST)
    string(APPEND name .${target})
  endif()
  set(${out} ${name} PARENT_SCOPE)
endfunction()

# fedfuse_target_flags(library target): how a library of a portable build is compiled, and all that
# links it. Hidden: calls inside a library go straight; a shared library is called from outside.
function(fedfuse_target_flags library target)
  set(flags "")
  if(target STREQUAL aarch64)
    set(flags -march=armv8-a)
  elseif(NOT target STREQUAL generic)
    set(flags -march=${target})
  endif()
  target_compile_options(${library} PUBLIC ${flags})
  if(NOT FEDFUSE_SHARED)
    target_compile_options(${library} PUBLIC -fvisibility=hidden)
  endif()
  # public, for a precompiled header that others use again
  target_compile_definitions(${library} PUBLIC FEDFUSE_TARGET="${target}"
    FEDFUSE_TARGET_FLAGS="${flags} -fPIC")
  set_target_properties(${library} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()
