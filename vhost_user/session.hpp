// SPDX-License-Identifier: Apache-2.0
#pragma once
// The requests of a vhost-user front-end, message by message: a state machine without sockets, so
// that tests and the fuzzer drive it directly. Each message ends in one of three ways. It is
// performed. It is refused, because it is valid but not supported here (memory in an ordinary
// file, a third queue): the acknowledgement is not zero and the session continues. Or it violates
// the protocol (a wrong length, unexpected descriptors, a virtqueue with invalid contents): the
// session ends.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vhost_user/connection.hpp"
#include "vhost_user/pci_function.hpp"
#include "vhost_user/virtqueue.hpp"

namespace hni::device::vhost_user {

struct SessionCounters {
  std::uint64_t messages = 0;
  std::uint64_t refused = 0;  ///< acknowledged with an error
  std::uint64_t kicks = 0;
  std::uint64_t commands = 0;
  std::uint64_t interrupts = 0;
  std::uint64_t bytes = 0;  ///< bytes of commands and responses
};

class Session {
 public:
  /// Limits of commands and bytes per call of run_commands().
  static constexpr unsigned kMaxCommands = 256;
  static constexpr std::size_t kMaxBytes = 256 * 1024;

  /// All arguments must outlive the session.
  Session(PciFunction& function, vfio_user::GuestMemory& memory, MsixTable& msix)
      : function_(function),
        memory_(memory),
        msix_(msix),
        queues_{Virtqueue(memory), Virtqueue(memory)} {}

  /// Handles one message. A kick only marks work for run_commands(). Returns the reply, valid
  /// until the next call, or nothing if none is required. If broken() afterwards, the caller must
  /// end the session.
  std::optional<std::span<const std::byte>> handle(Message& message);

  /// Executes the commands in the queue since the last kick. Returns true if more are waiting.
  bool run_commands();
  /// Returns whether deliver_interrupts() has work.
  bool has_interrupts() {
    return !broken() && msix_.ready() && queues_[kInterruptQueue].has_available();
  }
  /// Writes messages of pending vectors to the interrupt queue. Returns true if there was at least
  /// one and the driver requests notifications.
  bool deliver_interrupts();
  /// Returns true once after commands whose used buffers the driver has not been notified of. A
  /// driver that waits for a command polls; for posted writes it is notified after kPostedWrites
  /// of them.
  bool owes_command_notification();

  /// Returns the socket for back-end requests; -1 without one.
  int backend_socket() const { return backend_socket_.get(); }
  /// Breaks the session for a violation that only the owner detects.
  void refuse(std::string why) { (void)breach(std::move(why)); }
  bool broken() const { return !why_.empty(); }
  const std::string& why() const { return why_; }
  const SessionCounters& counters() const { return counters_; }

 private:
  using Payload = std::span<const std::byte>;
  static constexpr unsigned kPostedWrites = 8;

  /// Completes a message: acknowledges it if the front-end requests that, or sends reply_.
  enum class End : std::uint8_t { kDone, kRefused, kAnswered, kBroken };
  struct UserRegion {
    std::uint64_t user = 0;
    std::uint64_t bytes = 0;
    std::uint64_t guest = 0;
  };

  End dispatch(Message& message);
  End dispatch_vring(Message& message);
  End set_features(Payload payload);
  End set_protocol_features(Payload payload);
  End set_mem_table(Message& message);
  End set_vring_num(Payload payload);
  End set_vring_addr(Payload payload);
  End set_vring_base(Payload payload);
  End get_vring_base(Payload payload);
  End set_vring_enable(Payload payload);
  End set_vring_fd(Message& message);
  End vring_kick(Payload payload);
  End set_backend_socket(Message& message);
  void stop();

  std::optional<std::uint64_t> guest_address(std::uint64_t user) const;
  /// Returns the index in `state`, or kQueues.
  static std::uint32_t queue_of(Payload payload);
  bool check_queues();
  End breach(std::string why);
  template <class T>
  End answer(const T& value);

  PciFunction& function_;
  vfio_user::GuestMemory& memory_;
  MsixTable& msix_;
  std::array<Virtqueue, kQueues> queues_;
  std::vector<UserRegion> regions_;
  OwnedFd backend_socket_;
  std::uint64_t protocol_features_ = 0;
  unsigned unannounced_ = 0;  ///< posted writes since the driver was last notified or last polled
  std::string why_;
  SessionCounters counters_;
  std::vector<std::byte> reply_;
  std::vector<std::byte> answer_;
};

}  // namespace hni::device::vhost_user
