#include "core/config/secure.hpp"

#include <cmath>

#include "core/config/check.hpp"

namespace fedfuse {

void validate(const SecureOptions& o) {
  require(o.window >= 2 && o.window % 2 == 0 && o.window <= most_counted, "secure-window", o.window,
          "a block of AES masks two words, so a window has an even number of them",
          "256 is the default");
  within("secure-clients", o.clients, 3, most_counted);
  require(o.degree == 0 || (o.degree >= 2 && o.degree % 2 == 0 && o.degree <= 4096),
          "secure-degree", o.degree, "mask partners are an even number from 2 to 4096",
          "0 takes the smallest that is safe");
  require(o.threshold >= 0, "secure-threshold", o.threshold, "it is a number of shares",
          "0 takes the default");
  require(o.threshold == 0 || o.degree > 0, "secure-threshold", o.threshold,
          "without --secure-degree the threshold follows from --secure-corrupt and --secure-gone",
          "give --secure-degree, too");
  require(o.threshold <= o.degree, "secure-threshold", o.threshold,
          cat("a client gives a share to each of its ", o.degree, " partners, and to nobody else")
              .c_str(),
          "give at most --secure-degree");
  const auto share = [](const char* option, double value) {
    require(std::isfinite(value) && value >= 0 && value < 1, option, value,
            "a share of the clients is in [0, 1)", "0.05 and 0.1 are the defaults");
  };
  share("secure-corrupt", o.corrupt);
  share("secure-gone", o.gone);
}

}  // namespace fedfuse
