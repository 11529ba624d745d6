#pragma once
// Data with planted structure, so that the effects that the papers describe are there to be found.
//
//   item i   topic k(i); content x_i in R^L (L = latent): sqrt(h) m_k(i) + sqrt(1-h) N(0, I), h =
//            topic_share;
//               popularity pi_i = (rank of i)^-zipf, in an order of its own.
//               x_i has three parts: shared (L/2), seen by text only (L/4), seen by images only
//                 (the rest).
//   modality m  E_m[i] = (A_m x_i[what m sees] + noise N(0, I)) / its length, A_m a random linear
//               map; missing rows are 0.
//   group g   preference c_g on the unit sphere of R^L, the parts that only text (image) sees
//             weighed by w_g (1 - w_g).
//   client u   group g(u); own preference p_u = c_g + jitter * (random direction); n_u
//              interactions, long-tailed; items drawn without
//               replacement from P(i | u) ~ pi_i exp(taste p_u . x_i); the last two of a random
//                 order are validation and test.
//
// Everything is a pure function of the options (counter-based random numbers), whatever the number
// of ranks and threads.
#include <cstdint>
#include <string>

#include "core/comm.hpp"
#include "core/stop.hpp"

namespace fedfuse {

struct GenerateOptions {
  std::int64_t users = 2000;    // N, clients
  std::int64_t items = 1000;    // M, >= 50
  std::int64_t groups = 5;      // planted groups, 1..users
  std::int64_t dim_text = 64;   // d_t, floats; 0: no text
  std::int64_t dim_image = 64;  // d_v, floats; 0: no images
  std::int64_t latent = 16;     // L, >= 4: dimensions of content
  std::int64_t topics = 20;     // item topics, >= 1
  double topic_share = 0.5;     // h: share of the content's variance that topics explain, 0..1
  double noise = 0.5;           // of a feature, in units of its signal's standard deviation, >= 0
  // share of items without a modality, drawn for each modality alone, 0..1
  double missing = 0.0;
  double zipf = 0.4;  // exponent of popularity, 0..2
  // how peaked: standard deviation of log P(i | u) from content, 0..6
  double taste = 2.0;
  // length of a client's own deviation from its group's unit preference, 0..2
  double jitter = 0.7;
  // groups' weights of text against images span 0.5 -+ spread / 2, 0..1
  double modality_spread = 0.8;
  double activity = 12.0;  // mean interactions of a client, the two held-out ones included
  // of the logarithm of what exceeds activity_min: how long the tail is, 0..3
  double activity_sigma = 1.0;
  std::int64_t activity_min = 5;  // >= 3
  std::int64_t activity_max = 0;  // 0: a quarter of the items
  // control without content: feature rows permuted over the items, all else the same
  bool shuffle_features = false;
  std::uint64_t seed = 0;
  std::string name = "planted";
  std::string out;  // the HDF5 file to write
  bool overwrite = false;

  // Like the papers' 5-core sets: 5 to 10 interactions a client and many items.
  [[nodiscard]] static GenerateOptions sparse();
  bool operator==(const GenerateOptions&) const = default;
};

// Throws InputError on the first impossible value.
void validate(const GenerateOptions& options);

// Collective: validates, makes the data and writes options.out (write_dataset). A rank holds the
// item side, its block of clients, and one sampler of M items. Uses the threads of OpenMP.
// Stopped, on all ranks, once stop asks on one of them: then nothing is left behind.
void generate(const GenerateOptions& options, const Comm& comm, const Stop& stop = {});

}  // namespace fedfuse
