// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FirmwareLog: the newest log records of the firmware, in memory that the owner provides. When it
/// is full, a new record replaces the oldest.

#include <cstddef>
#include <cstdint>
#include <span>

#include "driver/firmware/messages.hpp"

namespace hni {

/// Log records of the firmware.
class FirmwareLog {
 public:
  /// Creates an empty log.
  /// @param storage room for the records; without any, they are only counted
  explicit FirmwareLog(std::span<LogRecord> storage) : storage_(storage) {}

  /// Appends a record.
  /// @param record the record
  void add(const LogRecord& record) {
    ++total_;
    if (storage_.empty()) return;
    storage_[next_] = record;
    next_ = next_ + 1 == storage_.size() ? 0 : next_ + 1;
    if (size_ < storage_.size()) ++size_;
  }

  /// @return records kept, at most the storage's size
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Returns a kept record.
  /// @param i 0 .. size() - 1, oldest first
  /// @return the record
  [[nodiscard]] const LogRecord& at(std::size_t i) const {
    return storage_[(next_ + storage_.size() - size_ + i) % storage_.size()];
  }
  /// @return records ever added
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  std::span<LogRecord> storage_;
  std::size_t next_ = 0;
  std::size_t size_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace hni
