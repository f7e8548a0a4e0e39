// SPDX-License-Identifier: Apache-2.0
#pragma once

/// LinkRate: one end of a cable with a finite rate. A machine on virtual time is infinitely fast,
/// so that a TCP stream would never end without a limit by the wire.

#include <cstdint>
#include <deque>
#include <vector>

#include "device/wire.hpp"

namespace hni::tools {

class LinkRate final : public device::Wire {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  explicit LinkRate(std::uint64_t mbit_per_s) : mbit_per_s_(mbit_per_s) {}
  /// The other end; both must have the same lifetime.
  void connect(LinkRate& peer) { peer_ = &peer; }

  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { pause_ = on; }
  bool peer_pause() const override { return peer_ != nullptr && peer_->pause_; }
  bool link() const override { return peer_ != nullptr; }
  unsigned poll(device::FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  /// Returns when the next frame arrives here, or when a frame may be sent from here again.
  std::uint64_t next_deadline_ns() const;

 private:
  struct InFlight {
    std::uint64_t arrives_ns;
    std::vector<std::byte> frame;
  };
  static constexpr std::size_t kMaxInFlight = 256;
  /// Frames closer than this arrive together, because a step of virtual time costs more than a
  /// frame.
  static constexpr std::uint64_t kBatchNs = 100'000;
  static constexpr std::uint64_t kOverheadBytes = 24;  ///< preamble, FCS, inter-frame gap

  std::uint64_t mbit_per_s_;
  LinkRate* peer_ = nullptr;
  std::uint64_t free_at_ns_ = 0;  ///< when the last bit of the last frame has been sent
  std::deque<InFlight> arriving_;
  bool pause_ = false;
};

}  // namespace hni::tools
