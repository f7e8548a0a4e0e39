// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Host memory that this process cannot map: each access is a request to another process.

#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

/// Access to remote memory. Both functions wait for the reply, and must not call the card.
class RemoteMemory {
 public:
  /// Destroys the access.
  virtual ~RemoteMemory() = default;
  /// Reads remote memory.
  /// @param iova bus address
  /// @param into receives the bytes
  /// @return false if refused or not connected
  virtual bool fetch(std::uint64_t iova, std::span<std::byte> into) = 0;
  /// Writes remote memory.
  /// @param iova bus address
  /// @param from the bytes
  /// @return false if refused or not connected
  virtual bool store(std::uint64_t iova, std::span<const std::byte> from) = 0;
};

}  // namespace hni::device
