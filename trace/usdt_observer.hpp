// SPDX-License-Identifier: Apache-2.0
#pragma once

/// UsdtObserver: fires a USDT probe for each event that the driver reports. Each probe has a
/// semaphore, and its arguments are computed only while a tracer is attached; an unattached probe
/// costs one comparison.

#include <cstdint>

#include "driver/core/observer.hpp"

#define _SDT_HAS_SEMAPHORES 1
#define SDT_USE_VARIADIC 1
#define STAP_SDT_ARG_CONSTRAINT nr
#include <sys/sdt.h>

// The semaphores are in probes.cpp; a tracer counts its attachments there.
extern "C" {
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  extern unsigned short hni_##probe##_semaphore;
#include "driver/core/probes.def"
#undef HNI_PROBE
}

#define HNI_FIRE_ARGS(...) __VA_ARGS__

namespace hni::trace {

struct UsdtObserver : NullObserver {
  /// `port` becomes the first argument of every probe.
  explicit UsdtObserver(std::uint32_t port = 0) : port_(port) {}

// The probe itself is in a function of its own, so that its arguments cost the packet path neither
// registers nor instructions.
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  template <class... Values>                                           \
  void function(Values... values) {                                    \
    if (hni_##probe##_semaphore != 0) [[unlikely]]                     \
      fire_##function(values...);                                      \
  }                                                                    \
  [[gnu::cold, gnu::noinline]] void fire_##function parameters const { \
    STAP_PROBEV(hni, probe, HNI_FIRE_ARGS arguments);                  \
  }
#include "driver/core/probes.def"
#undef HNI_PROBE

  bool wants_receive_details() const {
    return (hni_rx__poll__start_semaphore | hni_packet__received_semaphore |
            hni_completion__read_semaphore | hni_ring__completed_semaphore) != 0;
  }
  bool wants_completions() const {
    return hni_completion__read_semaphore != 0;
  }
  bool wants_sent_packets() const {
    return hni_packet__sent_semaphore != 0;
  }

 private:
  std::uint32_t port_;
};

}  // namespace hni::trace
