// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Counts a campaign's card events over all processes of an engine. HNI_FUZZ_EVENTS names a file
/// with one 64-bit number in shared memory, to which each process adds every 64 runs and at exit.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "fuzz/script/target.hpp"

namespace hni::fuzz {

class EventCounter {
 public:
  EventCounter() {
    const char* path = std::getenv("HNI_FUZZ_EVENTS");
    const int file = path == nullptr ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return;
    if (ftruncate(file, sizeof *total_) == 0) {
      void* at = mmap(nullptr, sizeof *total_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
      if (at != MAP_FAILED) total_ = static_cast<std::atomic<std::uint64_t>*>(at);
    }
    close(file);
  }
  void ran() {
    if (total_ != nullptr && ++runs_ % 64 == 0) flush();
  }
  void flush() {
    if (total_ == nullptr) return;
    total_->fetch_add(work().events - counted_, std::memory_order_relaxed);
    counted_ = work().events;
  }

 private:
  std::atomic<std::uint64_t>* total_ = nullptr;
  std::uint64_t counted_ = 0;
  unsigned runs_ = 0;
};

}  // namespace hni::fuzz
