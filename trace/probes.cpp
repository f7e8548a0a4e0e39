// SPDX-License-Identifier: Apache-2.0
// The semaphores of the probes: counters that a tracer raises while it listens.

#include "driver/observer.hpp"

extern "C" {
#define HNI_PROBE(probe, function, parameters, arguments, when) \
  extern unsigned short hni_##probe##_semaphore;                \
  __attribute__((section(".probes"))) unsigned short hni_##probe##_semaphore = 0;
#include "trace/probes.def"
#undef HNI_PROBE
}
