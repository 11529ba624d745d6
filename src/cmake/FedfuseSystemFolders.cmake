if(POLICY CMP0152)
  cmake_policy(SET CMP0152 NEW)  # links first, then ".."
endif()

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
