// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/link_rate.hpp"

#include <algorithm>

namespace hni::tools {

bool LinkRate::transmit(std::span<const std::byte> frame, std::uint64_t now_ns) {
  if (peer_ == nullptr) return true;  // into the dark
  if (peer_->pause_ || peer_->arriving_.size() >= kMaxInFlight) return false;
  const std::uint64_t bits = 8 * (std::max(frame.size(), device::kMinFrameBytes) + kOverheadBytes);
  free_at_ns_ = std::max(free_at_ns_, now_ns) + bits * 1000 / mbit_per_s_;
  const std::uint64_t arrives = (free_at_ns_ + kBatchNs - 1) / kBatchNs * kBatchNs;
  peer_->arriving_.push_back({arrives, {frame.begin(), frame.end()}});
  return true;
}

unsigned LinkRate::poll(device::FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  unsigned done = 0;
  while (done < budget && !pause_ && !arriving_.empty() &&
         arriving_.front().arrives_ns <= now_ns) {
    (void)sink.receive(arriving_.front().frame, now_ns);
    arriving_.pop_front();
    ++done;
  }
  return done;
}

std::uint64_t LinkRate::next_deadline_ns() const {
  return arriving_.empty() || pause_ ? kNever : arriving_.front().arrives_ns;
}

}  // namespace hni::tools
