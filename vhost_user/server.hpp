// SPDX-License-Identifier: Apache-2.0
#pragma once
// One card behind one vhost-user socket: listens and serves one front-end after the other. The
// owner's loop calls serve() when one of its descriptors is ready. When a front-end disconnects,
// its memory is unmapped and the card's function is reset, as in vfio_user::Server. The firmware
// keeps running.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "device/card.hpp"
#include "vfio_user/card_server.hpp"
#include "vfio_user/socket_calls.hpp"
#include "vhost_user/connection.hpp"
#include "vhost_user/session.hpp"

namespace hni::device::vhost_user {

struct ServerCounters {
  std::uint64_t clients = 0;          ///< that were accepted
  std::uint64_t breaches = 0;         ///< front-ends that were closed for a protocol violation
  std::uint64_t turned_away = 0;      ///< front-ends that connected while another one was served
  std::uint64_t accept_failures = 0;  ///< calls of accept() that failed
};

class Server final : public vfio_user::CardServer {
 public:
  /// The time within which a front-end must send its first message.
  static constexpr std::uint64_t kHelloTimeNs = 5'000'000'000;
  /// Pause after a failure of accept(), as the listener would be ready again immediately.
  static constexpr std::uint64_t kAcceptPauseNs = 100'000'000;

  /// Receives log lines: a front-end connected, disconnected, or was closed.
  using Report = std::function<void(const std::string& line)>;
  /// Waits until `fd` is readable. Returns false if it never will be.
  using Wait = std::function<bool(int fd)>;

  /// Listens on `path`. `wire` and `calls` must outlive the server. An error is one line.
  static tl::expected<std::unique_ptr<Server>, std::string> create(
      const std::string& path, const CardConfig& config, Wire& wire, Report report,
      vfio_user::SocketCalls& calls = vfio_user::SocketCalls::system());
  ~Server() override;

  /// Synchronises with a front-end on virtual time. `work` runs after the commands of a kick and
  /// before the kick is acknowledged, so that all their effects have the same time; each
  /// notification waits for its reply, using `wait`. Interrupts are deferred until
  /// `may_interrupt`: Linux up to 6.12 has one buffer for the results of all reads, and an
  /// interrupt between the acknowledgement of a read and its completion overwrites it.
  struct InStep {
    std::function<void()> work;
    Wait wait;
    std::function<bool()> may_interrupt;
  };
  void keep_in_step(InStep step) { step_ = std::move(step); }
  /// Returns whether publish() would deliver an interrupt if permitted.
  bool has_interrupts() { return session_ && session_->has_interrupts(); }

  Card& card() override { return card_; }
  DmaMemory& dma() override { return dma_; }
  const std::string& path() const override { return path_; }
  int listener() const override { return listener_.get(); }
  int client() const override { return connection_ ? connection_->fd() : -1; }
  bool wants_write() const override { return false; }
  bool wants_turn() const override {
    return undated_ || (connection_ &&
                        (kick_reply_.has_value() || connection_->broken() || session_->broken()));
  }
  bool accepts() const override { return !accept_paused_; }
  std::uint64_t next_deadline_ns() const override;
  /// Call after the card worked: flushes its DMA writes and delivers pending interrupts.
  void publish() override;

  void accept_client() override;
  bool serve(std::uint64_t now_ns, unsigned budget) override;

  const ServerCounters& counters() const { return counters_; }
  /// Counters over all front-ends.
  SessionCounters session_counters() const;
  const PciCounters& pci_counters() const { return function_.counters(); }
  const MsixTable& msix() const { return msix_; }
  const vfio_user::GuestMemory& memory() const { return memory_; }
  vfio_user::GuestMemory& memory() override { return memory_; }

 private:
  Server(std::string path, const CardConfig& config, Wire& wire, Report report,
         vfio_user::SocketCalls& calls);

  void handle(Message& message);
  void finish_kick();
  void send_reply(const Header& request, std::span<const std::byte> payload);
  /// Sends "used buffers are in queue" to the front-end.
  void notify(std::uint32_t queue);
  /// Gives new events their deadlines, and acts on those that have passed.
  void keep_time(std::uint64_t now_ns);
  bool check_memory();
  bool check_client();
  void end_client(const std::string& why, bool breach);

  std::string path_;
  Report report_;
  vfio_user::SocketCalls* calls_;
  std::optional<InStep> step_;
  DmaMemory dma_;
  MsixTable msix_;
  Card card_;
  vfio_user::ConfigSpace config_;
  vfio_user::GuestMemory memory_;
  PciFunction function_;
  OwnedFd listener_;
  std::optional<Connection> connection_;
  std::optional<Session> session_;
  /// The header of a kick whose commands are not all done.
  std::optional<Header> kick_reply_;
  bool kick_wants_reply_ = false;
  bool undated_ = false;  ///< accept_client() does not know the time: serve() sets the deadlines
  bool accept_paused_ = false;
  std::uint64_t accept_again_ns_ = 0;
  std::uint64_t hello_until_ns_ = 0;      ///< 0: no deadline
  std::uint32_t notifications_owed_ = 0;  ///< a bit per queue
  SessionCounters past_;
  ServerCounters counters_;
  std::uint64_t lost_before_ = vfio_user::GuestMemory::lost();
};

}  // namespace hni::device::vhost_user
