# Runs at every build (cmake -P): the commit, whether the tree differs from it, and a hash of the
# difference. The header changes, and provenance.cpp is compiled again, only when they do.
set(sha "unknown")
set(dirty "unknown")
set(changes "")
find_program(GIT git)
if(GIT)
  set(git ${GIT} -c safe.directory=* -C ${SOURCE_DIR})
  execute_process(COMMAND ${git} rev-parse HEAD OUTPUT_VARIABLE out RESULT_VARIABLE failed
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(sha ${out})
    execute_process(COMMAND ${git} --no-optional-locks status --porcelain --untracked-files=no
      OUTPUT_VARIABLE out RESULT_VARIABLE failed ERROR_QUIET)
    if(NOT failed)
      if(out STREQUAL "")
        set(dirty "false")
      else()
        set(dirty "true")
        execute_process(COMMAND ${git} --no-optional-locks diff HEAD OUTPUT_VARIABLE out
          ERROR_QUIET)
        string(SHA256 changes "${out}")
      endif()
    endif()
  endif()
endif()
string(CONCAT text "#pragma once\n#define FEDFUSE_GIT_SHA \"${sha}\"\n"
  "#define FEDFUSE_GIT_DIRTY \"${dirty}\"\n"
  "#define FEDFUSE_GIT_CHANGES \"${changes}\"\n")
set(before "")
if(EXISTS ${HEADER})
  file(READ ${HEADER} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${HEADER} "${text}")
endif()
