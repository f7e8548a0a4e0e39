// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The requests of a vfio-user client, message by message: a state machine without sockets, so
/// that tests and the fuzzer drive it directly.
///
/// Each message ends in one of three ways. It is performed, with a reply. It is refused with an
/// errno value, because it is valid but not supported here (an overlapping window, an unknown
/// command): the session continues. Or it violates the protocol (a wrong length, unexpected
/// descriptors, anything before the version): the session ends. A long request may take several
/// time slices of the owner's loop.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "device/card.hpp"
#include "vfio_user/config_space.hpp"
#include "vfio_user/guest_memory.hpp"
#include "vfio_user/irq_lines.hpp"
#include "vfio_user/loop_hooks.hpp"
#include "vfio_user/protocol.hpp"

namespace hni::device::vfio_user {

struct Message;

/// Counters of a session.
struct SessionCounters {
  std::uint64_t messages = 0;  ///< messages handled
  std::uint64_t refused = 0;   ///< error replies
  std::uint64_t reads = 0;     ///< region reads
  std::uint64_t writes = 0;    ///< region writes; each element of a multiple write
  std::uint64_t resets = 0;    ///< function resets
  /// Register accesses other than whole, aligned 32-bit words. Reads return the requested bytes,
  /// writes are ignored: [device 2] defines 32-bit accesses only.
  std::uint64_t odd_accesses = 0;
};

/// The reply to one message; its bytes are valid until the next one.
struct Reply {
  /// An errno value: the reply has no payload.
  int error = 0;
  /// Bytes after the header.
  std::span<const std::byte> payload;
};

/// The session of one client.
class Session {
 public:
  /// Starts a session before the version negotiation. All arguments must outlive it.
  /// @param card the card
  /// @param config its configuration space
  /// @param memory feeds its DmaMemory
  /// @param lines its interrupt sink
  Session(Card& card, ConfigSpace& config, GuestMemory& memory, IrqLines& lines)
      : card_(card),
        config_(config),
        memory_(memory),
        lines_(lines),
        refused_reads_(memory.refused_reads()) {}

  /// Handles one request. If broken() afterwards, send the reply and disconnect.
  /// @param message the request
  /// @return the reply
  Reply handle(Message& message) { return *handle(message, LoopHooks::none()); }
  /// Handles one request until the time slice is over.
  /// @param message the request
  /// @param hooks the event loop
  /// @return the reply; nullopt: call resume() before any other request
  std::optional<Reply> handle(Message& message, LoopHooks& hooks);
  /// Continues a long request.
  /// @param hooks the event loop
  /// @return as handle()
  std::optional<Reply> resume(LoopHooks& hooks);
  /// @return true while a long request waits for resume()
  bool suspended() const { return suspended_.has_value(); }

  /// Tests for a register write that can only succeed, so that its reply may precede it.
  /// @param message the request
  /// @return the access; nullopt for any other request
  std::optional<RegionAccess> sure_write(const Message& message) const;
  /// @return largest access that the client accepts, bytes, from the version negotiation
  std::uint64_t most_data() const { return most_data_; }
  /// @return true after the version negotiation
  bool negotiated() const { return negotiated_; }
  /// @return true if the client violated the protocol
  bool broken() const { return !why_.empty(); }
  /// @return how the client violated the protocol
  const std::string& why() const { return why_; }
  /// @return the counters
  const SessionCounters& counters() const { return counters_; }

 private:
  enum class WorkKind : std::uint8_t { kRead, kWrite, kMulti };
  /// A partially performed message of many accesses.
  struct Work {
    WorkKind kind = WorkKind::kRead;
    RegionAccess access{};            ///< not of kMulti
    std::span<const std::byte> data;  ///< to write
    std::size_t done = 0;             ///< bytes
  };

  std::optional<Reply> dispatch(Message& message, LoopHooks& hooks);
  std::optional<Reply> advance(Work& work, LoopHooks& hooks);
  std::optional<Reply> advance_bar(Work& work, LoopHooks& hooks);
  std::optional<Reply> advance_multi(Work& work, LoopHooks& hooks);
  /// Keeps `work`, with a copy of its data, for resume().
  std::optional<Reply> suspend(const Work& work);
  Reply version(std::span<const std::byte> payload);
  Reply dma_map(Message& message);
  Reply dma_unmap(std::span<const std::byte> payload);
  Reply device_info(std::span<const std::byte> payload);
  Reply region_info(std::span<const std::byte> payload);
  Reply irq_info(std::span<const std::byte> payload);
  Reply set_irqs(Message& message);
  Reply set_eventfds(const SetIrqs& request, std::vector<OwnedFd>& fds);
  Reply act_on_irqs(const SetIrqs& request, std::span<const std::byte> chosen);
  std::optional<Reply> region_read(std::span<const std::byte> payload, LoopHooks& hooks);
  std::optional<Reply> region_write(std::span<const std::byte> payload, LoopHooks& hooks);
  std::optional<Reply> write_multi(std::span<const std::byte> payload, LoopHooks& hooks);
  Reply reset();

  /// Returns 0 or an errno value.
  static int check_range(const RegionAccess& access);
  void read_region(const RegionAccess& access, std::span<std::byte> to);
  void write_region(const RegionAccess& access, std::span<const std::byte> from);
  void read_bar(spec::Bar bar, std::uint32_t offset, std::span<std::byte> to);
  void write_bar(spec::Bar bar, std::uint32_t offset, std::span<const std::byte> from);
  void read_msix(std::uint32_t offset, std::span<std::byte> to) const;
  void function_reset();
  void note_master_abort();

  Reply breach(std::string why);
  static Reply refuse(int error) { return {error, {}}; }
  template <class T>
  Reply answer(const T& value);

  Card& card_;
  ConfigSpace& config_;
  GuestMemory& memory_;
  IrqLines& lines_;
  bool negotiated_ = false;
  std::uint64_t most_data_ = 1024 * 1024;  ///< the protocol's default
  std::string why_;
  SessionCounters counters_;
  /// refused reads of the card that the configuration space already reports
  std::uint64_t refused_reads_;
  std::vector<std::byte> reply_;
  std::optional<Work> suspended_;
  std::vector<std::byte> suspended_data_;
  // The MSI-X table: plain memory. A client keeps its own and uses eventfds.
  std::vector<std::byte> table_ = std::vector<std::byte>(kMsixPendingOffset);
};

}  // namespace hni::device::vfio_user
