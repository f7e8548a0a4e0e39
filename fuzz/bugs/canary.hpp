// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Counters of a seeded bug, which distinguish "never reached", "reached but without effect" and
/// "had an effect that no oracle detected". A patch of fuzz/bugs puts
///
///    HNI_BUG(condition);
///
/// at the place of the bug: reached each time it is executed, triggered when `condition` says that
/// the bug made a difference. The counts are in the file that HNI_BUG_FILE names, shared memory,
/// so that they survive the abort() of a finding. fuzz/bugs/run.py includes this header first
/// everywhere.

#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <type_traits>

namespace hni::bugs {

struct Canary {
  std::uint64_t reached = 0;
  std::uint64_t triggered = 0;
  double first_reached = 0;  ///< seconds of processor time since the process started
  double first_triggered = 0;
};

inline Canary* open_canary() {
  static Canary unseen;
  const char* path = std::getenv("HNI_BUG_FILE");
  const int file = path == nullptr ? -1 : open(path, O_RDWR | O_CREAT, 0600);
  if (file < 0 || ftruncate(file, sizeof(Canary)) != 0) return &unseen;
  void* at = mmap(nullptr, sizeof(Canary), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return at == MAP_FAILED ? &unseen : static_cast<Canary*>(at);
}

inline double processor_time() {
  timespec now{};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

inline void note(bool triggered) {
  static Canary* const canary = open_canary();
  if (canary->reached++ == 0) canary->first_reached = processor_time();
  if (triggered && canary->triggered++ == 0) canary->first_triggered = processor_time();
}

constexpr void seen(bool triggered) {
  if (!std::is_constant_evaluated()) note(triggered);
}

}  // namespace hni::bugs

#define HNI_BUG(condition) ::hni::bugs::seen(static_cast<bool>(condition))
