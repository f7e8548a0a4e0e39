// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory of a client that came without a file: reached by DMA_READ and DMA_WRITE messages from the
// server to the client, one at a time, each waited for.
//
// The client goes on asking meanwhile, and may not answer before it is answered: QEMU waits for
// each register access with its big lock held. So its owner is shown each question (see
// set_at_once()); what is not answered at once is held back, in order, until the card is done with
// its work. The client is not trusted: an answer of another length, another id or nobody's, a
// silence of kAnswerTime, or more than kMostHeld questions instead of an answer close it.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "device/remote_memory.hpp"
#include "vfio_user/connection.hpp"

namespace hni::device::vfio_user {

struct DmaMessageCounters {
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;
  std::uint64_t refused = 0;  ///< by the client, with an error
  std::uint64_t held = 0;     ///< questions of the client that waited
};

class DmaMessages final : public RemoteMemory {
 public:
  static constexpr std::chrono::milliseconds kAnswerTime{2000};
  static constexpr std::size_t kMaxHeld = 256;
  static constexpr std::size_t kMaxAsked = 65536;

  /// The client of now; nullptr: there is none. What was held back is forgotten.
  void set_client(Connection* client) {
    client_ = client;
    held_.clear();
    next_id_ = 1;
    most_bytes_ = kMaxBytes;
  }
  /// Asked for each question that comes while an answer is waited for. True: it is answered.
  void set_at_once(std::function<bool(Message&)> at_once) { at_once_ = std::move(at_once); }
  /// The client takes no longer data (its max_data_xfer_size).
  void set_limit(std::uint64_t bytes);

  bool fetch(std::uint64_t iova, std::span<std::byte> into) override;
  bool store(std::uint64_t iova, std::span<const std::byte> from) override;

  /// The oldest message that was held back; its payload is valid until the next call.
  std::optional<Message> next_held();
  bool holds() const { return !held_.empty(); }
  const DmaMessageCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint64_t kMaxBytes = 4096;

  struct Held {
    Header header;
    std::vector<std::byte> payload;
    std::vector<OwnedFd> fds;
  };

  /// Sends one message and waits; the answer's payload, or nothing.
  std::optional<std::span<const std::byte>> ask(Command command,
                                                std::span<const std::byte> payload,
                                                std::span<const std::byte> more);
  std::optional<Message> wait_for(std::uint16_t id);

  Connection* client_ = nullptr;
  std::function<bool(Message&)> at_once_;
  std::uint64_t most_bytes_ = kMaxBytes;
  std::uint16_t next_id_ = 1;
  std::deque<Held> held_;
  Held current_;
  DmaMessageCounters counters_;
};

}  // namespace hni::device::vfio_user
