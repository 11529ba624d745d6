# ctest reads this before it runs a test: the tests have the settings of
# jobs/lib/mpi_environment.sh, and a variable that the caller has set stays as it is.
execute_process(
  COMMAND sh -c ". \"$0\" && env" "${CMAKE_CURRENT_LIST_DIR}/../../jobs/lib/mpi_environment.sh"
  OUTPUT_VARIABLE fedfuse_settings)
string(REGEX MATCHALL "(^|\n)(OMPI_|PRTE_|OMP_|HOME)[^=\n;]*=[^\n;]*" fedfuse_settings
  "${fedfuse_settings}")
foreach(setting IN LISTS fedfuse_settings)
  string(REGEX MATCH "((OMPI_|PRTE_|OMP_|HOME)[^=]*)=(.*)" setting "${setting}")
  set(ENV{${CMAKE_MATCH_1}} "${CMAKE_MATCH_3}")
endforeach()
