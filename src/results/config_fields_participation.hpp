#pragma once
// The fields of participation (config_fields.hpp).
#include "core/config.hpp"
#include "results/config_field.hpp"

namespace fedfuse::detail {

template <class Options, class Visit>
void visit_participation(Options& o, Visit& visit) {
  constexpr auto s = ConfigSection::participation;
  visit(ConfigField{{"client_devices", "", "",
                     "simulated devices of the clients, and a clock of simulated seconds beside "
                     "the measured ones"},
                    s},
        o.devices);
  visit(ConfigField{{"device_classes", "", "path",
                     "of classes: CSV with the columns class,share,sample_seconds,bandwidth"},
                    s},
        o.classes);
  visit(ConfigField{{"sample_seconds", "", "seconds",
                     "that a device takes for a sample in an epoch; lognormal: the median"},
                    s},
        o.sample_seconds);
  visit(ConfigField{{"bandwidth", "", "bytes/s",
                     "of a device; lognormal: the median; 0: transfers take no time"},
                    s},
        o.bandwidth);
  visit(
      ConfigField{
          {"device_sigma", "", "1", "lognormal: standard deviation of the logarithms of both"}, s},
      o.sigma);
  visit(ConfigField{{"availability", "", "",
                     "clients that can be invited: all; each by the time of its day; those of a "
                     "trace"},
                    s},
        o.availability);
  visit(ConfigField{{"availability_base", "", "1", "of diurnal: mean probability"}, s}, o.base);
  visit(ConfigField{{"availability_amplitude", "", "1",
                     "of diurnal: how far the probability moves in a day"},
                    s},
        o.amplitude);
  visit(ConfigField{{"availability_trace", "", "path",
                     "of trace: CSV with the columns client,start,end in simulated seconds; it "
                     "repeats"},
                    s},
        o.trace);
  visit(ConfigField{{"over_select", "o", "1",
                     "invite so many times the clients of a round; the first to finish count"},
                    s},
        o.over_select);
  visit(ConfigField{{"deadline", "tau", "simulated seconds",
                     "clients that finish later do not count; 0: none"},
                    s},
        o.deadline);
  visit(
      ConfigField{{"dropout", "", "1", "probability that a client trains and does not deliver"}, s},
      o.dropout);
  visit(ConfigField{{"async", "K", "uploads",
                     "the server steps when so many have come, and clients start all the time "
                     "(buffered asynchronous rounds); 0: it waits for a round"},
                    s},
        o.async);
  visit(ConfigField{{"concurrency", "Q", "clients",
                     "of --async: in flight at the same time; 0: as many as --fraction gives"},
                    s},
        o.concurrency);
  visit(ConfigField{{"max_staleness", "", "steps",
                     "of --async: an upload from a model that is older does not count"},
                    s},
        o.max_staleness);
}

}  // namespace fedfuse::detail
