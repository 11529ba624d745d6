#pragma once
// The fields of the secure sum (config_fields.hpp).
#include "core/config.hpp"
#include "results/config_field.hpp"

namespace fedfuse::detail {

template <class Options, class Visit>
void visit_secure(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::secure;
  visit(ConfigField{{"secure_sum", "", "",
                     "emulate masks that cancel in the sum: of all clients on a window of words, "
                     "or of a sample of clients on all words, timed"},
                    s},
        o.sum);
  visit(ConfigField{{"secure_window", "", "words", "of check; another place every round"}, s},
        o.window);
  visit(ConfigField{{"secure_clients", "", "clients", "of sample; others every round"}, s},
        o.clients);
  visit(ConfigField{{"secure_degree", "k", "clients",
                     "that a client shares masks with; 0: the fewest that are safe"},
                    s},
        o.degree);
  visit(ConfigField{{"secure_threshold", "t", "shares",
                     "that give a secret back; 0: the fewest that are safe, or k / 2 + 1 where "
                     "--secure-degree is given"},
                    s},
        o.threshold);
  visit(ConfigField{{"secure_corrupt", "", "1",
                     "share of the clients that may work with the server; it decides k and t"},
                    s},
        o.corrupt);
  visit(ConfigField{{"secure_gone", "", "1",
                     "share of the clients that may not deliver; it decides k and t"},
                    s},
        o.gone);
}

}  // namespace fedfuse::detail
