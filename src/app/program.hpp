#pragma once
// Everything that the program does once its target is known. In a portable build this is the one
// symbol that a target's library shows.

// Collective. argv: the whole command line; with_mpi: after MPI_Init. Returns the exit code, the
// same on every rank.
extern "C" __attribute__((visibility("default"))) int fedfuse_program(int argc,
                                                                      const char* const* argv,
                                                                      int with_mpi);
