// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Client memory without a file: accessed by DMA_READ and DMA_WRITE messages from the server to
/// the client, one at a time, each waiting for its reply.
///
/// Meanwhile the client continues to send requests, and may not reply before it gets its own
/// reply: QEMU waits for each register access with its big lock held. So each request is passed to
/// the owner's callback (see set_at_once()); requests that the callback does not answer are
/// deferred, in order, until the card has finished its work. The client is not trusted: a reply of
/// another length or id, no reply within kAnswerTime, or more than kMaxHeld requests instead of a
/// reply close it.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "device/remote_memory.hpp"
#include "vfio_user/connection.hpp"
#include "vfio_user/loop_hooks.hpp"

namespace hni::device::vfio_user {

/// Counters of the DMA messages.
struct DmaMessageCounters {
  std::uint64_t reads = 0;    ///< DMA_READ messages sent
  std::uint64_t writes = 0;   ///< DMA_WRITE messages sent
  std::uint64_t refused = 0;  ///< error replies of the client
  std::uint64_t held = 0;     ///< requests of the client that were deferred
};

/// Remote memory of one client.
class DmaMessages final : public RemoteMemory {
 public:
  static constexpr std::chrono::milliseconds kAnswerTime{2000};  ///< time that a reply may take
  static constexpr std::size_t kMaxHeld = 256;                   ///< requests that can be deferred
  static constexpr std::size_t kMaxAsked = 65536;  ///< bytes of all deferred requests

  /// Sets the current client and drops deferred requests.
  /// @param client null: none
  void set_client(Connection* client) {
    client_ = client;
    held_.clear();
    next_id_ = 1;
    most_bytes_ = kMaxBytes;
  }
  /// Sets the callback for each request that arrives while a reply is outstanding.
  /// @param at_once returns true if it answered the request
  void set_at_once(std::function<bool(Message&)> at_once) { at_once_ = std::move(at_once); }
  /// Sets the event loop that waits for replies.
  /// @param hooks must outlive this object
  void set_hooks(LoopHooks& hooks) { hooks_ = &hooks; }
  /// Sets the largest access (the client's max_data_xfer_size).
  /// @param bytes limit
  void set_limit(std::uint64_t bytes);

  bool fetch(std::uint64_t iova, std::span<std::byte> into) override;
  bool store(std::uint64_t iova, std::span<const std::byte> from) override;

  /// Removes the oldest deferred request.
  /// @return valid until the next call; nullopt if there is none
  std::optional<Message> next_held();
  /// @return true if a request is deferred
  bool holds() const { return !held_.empty(); }
  /// @return the counters
  const DmaMessageCounters& counters() const { return counters_; }

 private:
  static constexpr std::uint64_t kMaxBytes = 4096;

  struct Held {
    Header header;
    std::vector<std::byte> payload;
    std::vector<OwnedFd> fds;
  };

  /// Sends one message and waits for the reply's payload; nullopt on failure.
  std::optional<std::span<const std::byte>> ask(Command command,
                                                std::span<const std::byte> payload,
                                                std::span<const std::byte> more);
  std::optional<Message> wait_for(std::uint16_t id);

  /// Answers, refuses or defers one message that arrived in place of the reply.
  void hold_or_answer(Message& message, std::size_t asked);

  Connection* client_ = nullptr;
  LoopHooks* hooks_ = &LoopHooks::none();
  std::function<bool(Message&)> at_once_;
  std::uint64_t most_bytes_ = kMaxBytes;
  std::uint16_t next_id_ = 1;
  std::deque<Held> held_;
  Held current_;
  DmaMessageCounters counters_;
};

}  // namespace hni::device::vfio_user
