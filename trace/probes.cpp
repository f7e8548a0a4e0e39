// SPDX-License-Identifier: Apache-2.0
// The semaphores of the probes: counters that a tracer increments while it is attached.

#include "driver/core/observer.hpp"

extern "C" {
// The semaphores start on a page of their own. Linkers such as mold let segments share a page of
// the file. The kernel, which increments a semaphore by its file offset, would then use the first
// mapping of that page, which may be the read-only data before it.
extern unsigned short hni_semaphores_begin;
__attribute__((section(".probes"), aligned(4096))) unsigned short hni_semaphores_begin = 0;

#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  extern unsigned short hni_##probe##_semaphore;                       \
  __attribute__((section(".probes"))) unsigned short hni_##probe##_semaphore = 0;
#include "driver/core/probes.def"
#undef HNI_PROBE
}
