// SPDX-License-Identifier: Apache-2.0
#pragma once
// Host memory that this process cannot map: each access is a question to somebody who can.

#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

class RemoteMemory {
 public:
  virtual ~RemoteMemory() = default;
  /// False: refused, or nobody answers. Both wait for the answer, and call nothing of the card.
  virtual bool fetch(std::uint64_t iova, std::span<std::byte> into) = 0;
  virtual bool store(std::uint64_t iova, std::span<const std::byte> from) = 0;
};

}  // namespace hni::device
