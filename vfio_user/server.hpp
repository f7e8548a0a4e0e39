// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One card on one vfio-user socket: listens, serves one client after another, and never blocks on
/// any of them. The owner's loop calls it when one of its descriptors is ready.
///
/// A client that connects while another one is served is held for kHoldTimeNs: the other may have
/// died without its end having been noticed, as when a virtual machine is killed and restarted.
/// Then it is refused with EBUSY. A client has kHelloTimeNs to send its version.
///
/// When a client leaves for any reason, its memory windows and eventfds are closed and the card's
/// function is reset: the queues of a previous guest must not write into the memory of the next.
/// (The protocol would rather keep the state of the device.) The firmware keeps running.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "device/card.hpp"
#include "vfio_user/card_server.hpp"
#include "vfio_user/connection.hpp"
#include "vfio_user/dma_messages.hpp"
#include "vfio_user/loop_hooks.hpp"
#include "vfio_user/session.hpp"

namespace hni::device::vfio_user {

/// Counters of the server.
struct ServerCounters {
  std::uint64_t clients = 0;          ///< clients accepted
  std::uint64_t breaches = 0;         ///< clients closed for a protocol violation
  std::uint64_t turned_away = 0;      ///< clients refused while another one was served
  std::uint64_t accept_failures = 0;  ///< calls of accept() that failed
};

/// A card and its clients.
class Server final : public CardServer {
 public:
  /// The time that a second client may wait for the end of the first.
  static constexpr std::uint64_t kHoldTimeNs = 1'000'000'000;
  /// The maximum number of waiting clients.
  static constexpr std::size_t kMaxHeldClients = 8;
  /// The time within which a client must send its version.
  static constexpr std::uint64_t kHelloTimeNs = 5'000'000'000;
  /// Pause after a failure of accept(), as the listener would be ready again immediately.
  static constexpr std::uint64_t kAcceptPauseNs = 100'000'000;

  /// Receives log events: a client connected, disconnected, or was closed.
  using Report = std::function<void(const std::string& line)>;

  /// Listens on a path and creates the card. A stale socket is replaced.
  /// @param path path of the socket
  /// @param config properties of the card
  /// @param wire must outlive the server
  /// @param report receives events
  /// @param calls system calls on clients; must outlive the server
  /// @return the server; an error of one line if the path is in use or not a socket
  static tl::expected<std::unique_ptr<Server>, std::string> create(
      const std::string& path, const CardConfig& config, Wire& wire, Report report,
      SocketCalls& calls = SocketCalls::system());
  /// Closes the client and removes the path.
  ~Server() override;

  /// @return the card
  Card& card() override { return card_; }
  /// @return the memory that the card reaches
  DmaMemory& dma() override { return dma_; }
  /// @return path of the socket
  const std::string& path() const override { return path_; }
  /// @return file descriptor of the listening socket
  int listener() const override { return listener_.get(); }
  /// @return the client's socket, or -1; changes in accept_client() and serve()
  int client() const override { return connection_ ? connection_->fd() : -1; }
  /// @return true while replies wait for the client to read, so that the loop must poll for room
  bool wants_write() const override { return connection_ && connection_->unsent() != 0; }

  /// @return true if serve() has work without an event on a descriptor: deferred requests, or a
  ///     client to close
  bool wants_turn() const override {
    return undated_ ||
           (connection_ && (dma_messages_.holds() || connection_->broken() || lines_.blocked() ||
                            (session_->suspended() && !wants_write())));
  }
  /// Sets the event loop. Without one a message runs to its end, and poll() waits for the replies
  /// to
  /// DMA messages.
  /// @param hooks must outlive the server
  void set_hooks(LoopHooks& hooks) override {
    hooks_ = &hooks;
    dma_messages_.set_hooks(hooks);
  }
  /// @return false after accept() failed: ignore the listener until serve() ends the pause
  bool accepts() const override { return !accept_paused_; }
  /// @return when serve() has work without an event on a descriptor; ~0: never
  std::uint64_t next_deadline_ns() const override;
  /// Makes what the card wrote visible to the host; call after run(), tick() or a frame.
  void publish() override { dma_.flush(); }

  /// Accepts clients: serves the first and holds the others. Call when the listener is readable.
  void accept_client() override;
  /// Handles messages of the client until the time slice is over. Call when its socket is ready,
  /// and at next_deadline_ns().
  /// @param now_ns time of the card
  /// @param budget maximum number of messages
  /// @return true if more may wait
  bool serve(std::uint64_t now_ns, unsigned budget) override;

  /// @return the counters
  const ServerCounters& counters() const { return counters_; }
  /// @return counters of all clients together
  SessionCounters session_counters() const;
  /// @return the memory windows
  const GuestMemory& memory() const { return memory_; }
  /// @return the memory windows, mutable
  GuestMemory& memory() override { return memory_; }
  /// @return the interrupt lines
  const IrqLines& lines() const { return lines_; }
  /// @return counters of the DMA messages
  const DmaMessageCounters& dma_messages() const { return dma_messages_.counters(); }

 private:
  /// A client that waits for the previous one to end.
  struct HeldClient {
    OwnedFd socket;
    std::uint64_t until_ns = 0;  ///< 0: serve() has not seen it yet
  };

  Server(std::string path, const CardConfig& config, Wire& wire, Report report,
         SocketCalls& calls);

  void begin_client(OwnedFd socket);
  /// Starts serving the first waiting client that is still connected.
  void begin_held_client();
  void keep_time(std::uint64_t now_ns);
  void date_events(std::uint64_t now_ns);
  void turn_away(HeldClient client);
  bool work(unsigned budget);
  bool end_if_broken();
  void answer(Message& message);
  void conclude(const std::optional<Reply>& reply);
  void send_reply(Header header, const Reply& reply);
  /// Replies to a register write before it is performed, if it can only succeed.
  void acknowledge(Message& message);
  bool answer_at_once(Message& message);
  void end_client(const std::string& why, bool breach);

  std::string path_;
  Report report_;
  DmaMemory dma_;
  IrqLines lines_;
  Card card_;
  ConfigSpace config_;
  GuestMemory memory_;
  DmaMessages dma_messages_;
  OwnedFd listener_;
  std::optional<Connection> connection_;
  std::optional<Session> session_;
  std::vector<std::byte> asked_;
  SocketCalls* calls_;
  LoopHooks* hooks_ = &LoopHooks::none();
  std::deque<HeldClient> held_clients_;
  Header current_{};      ///< of the message that is being handled
  bool undated_ = false;  ///< a connection without a deadline is waiting
  bool accept_paused_ = false;
  std::uint64_t accept_again_ns_ = 0;
  std::uint64_t hello_until_ns_ = 0;  ///< 0: no client, or it has sent its version
  SessionCounters past_;
  ServerCounters counters_;
  std::uint64_t lost_before_ = GuestMemory::lost();
};

}  // namespace hni::device::vfio_user
