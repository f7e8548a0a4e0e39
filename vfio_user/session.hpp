// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a vfio-user client may ask of the card, message by message: a state machine without
// sockets, so that tests and the fuzzer drive it directly.
//
// Each message ends in one of three ways. It is done, and answered. It is refused with an errno
// value, because this client may ask and this server does not do it (an overlapping window, an
// unknown command): the session goes on. Or it breaks the protocol (a length that does not fit,
// descriptors where none belong, anything before the version): the session is over.

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
#include "vfio_user/protocol.hpp"

namespace hni::device::vfio_user {

struct Message;

struct SessionCounters {
  std::uint64_t messages = 0;
  std::uint64_t refused = 0;  ///< answered with an error
  std::uint64_t reads = 0;    ///< of a region
  std::uint64_t writes = 0;   ///< of a region; each element of a multiple write
  std::uint64_t resets = 0;
  /// Accesses of registers in other than whole, aligned 32-bit words. Reads give the bytes asked
  /// for, writes are ignored: [device 2] knows only 32-bit accesses.
  std::uint64_t odd_accesses = 0;
};

/// The answer to one message; its bytes are valid until the next one.
struct Reply {
  int error = 0;  ///< an errno value: the reply has no payload
  std::span<const std::byte> payload;
};

class Session {
 public:
  /// All outlive the session. `lines` is the card's interrupt sink, `memory` feeds its DmaMemory.
  Session(Card& card, ConfigSpace& config, GuestMemory& memory, IrqLines& lines)
      : card_(card),
        config_(config),
        memory_(memory),
        lines_(lines),
        refused_reads_(memory.refused_reads()) {}

  /// Handles one command. `broken()` afterwards: the client broke the protocol; answer and end.
  Reply handle(Message& message);

  /// The access of a write of registers that can only succeed: its answer may be given before.
  std::optional<RegionAccess> sure_write(const Message& message) const;
  /// Bytes that the client takes in one message, as it said with the version.
  std::uint64_t most_data() const { return most_data_; }
  bool negotiated() const { return negotiated_; }
  bool broken() const { return !why_.empty(); }
  const std::string& why() const { return why_; }
  const SessionCounters& counters() const { return counters_; }

 private:
  Reply dispatch(Message& message);
  Reply version(std::span<const std::byte> payload);
  Reply dma_map(Message& message);
  Reply dma_unmap(std::span<const std::byte> payload);
  Reply device_info(std::span<const std::byte> payload);
  Reply region_info(std::span<const std::byte> payload);
  Reply irq_info(std::span<const std::byte> payload);
  Reply set_irqs(Message& message);
  Reply set_eventfds(const SetIrqs& request, std::vector<OwnedFd>& fds);
  Reply act_on_irqs(const SetIrqs& request, std::span<const std::byte> chosen);
  Reply region_read(std::span<const std::byte> payload);
  Reply region_write(std::span<const std::byte> payload);
  Reply write_multi(std::span<const std::byte> payload);
  Reply reset();

  /// 0 or an errno value.
  int read_region(const RegionAccess& access, std::span<std::byte> to);
  int write_region(const RegionAccess& access, std::span<const std::byte> from);
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
  std::uint64_t refused_reads_;  ///< of the card, that the configuration space knows of
  std::vector<std::byte> reply_;
  /// The MSI-X table: plain memory. A client keeps its own and tells us by eventfds.
  std::vector<std::byte> table_ = std::vector<std::byte>(kMsixPendingOffset);
};

}  // namespace hni::device::vfio_user
