// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FirmwareLog: the newest log records of the firmware, in memory that the owner provides. The
/// oldest one makes room for a new one.

#include <cstddef>
#include <cstdint>
#include <span>

#include "driver/firmware/messages.hpp"

namespace hni {

class FirmwareLog {
 public:
  /// Keeps as many records as `storage` has; none if it is empty.
  explicit FirmwareLog(std::span<LogRecord> storage) : storage_(storage) {}

  void add(const LogRecord& record) {
    ++total_;
    if (storage_.empty()) return;
    storage_[next_] = record;
    next_ = next_ + 1 == storage_.size() ? 0 : next_ + 1;
    if (size_ < storage_.size()) ++size_;
  }

  /// Records kept, at most the storage's size.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Record `i` of size(), oldest first.
  [[nodiscard]] const LogRecord& at(std::size_t i) const {
    return storage_[(next_ + storage_.size() - size_ + i) % storage_.size()];
  }
  /// Records ever added.
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  std::span<LogRecord> storage_;
  std::size_t next_ = 0;
  std::size_t size_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace hni
