// SPDX-License-Identifier: Apache-2.0
#pragma once
// One card behind one vfio-user socket: listens, serves one client after the other, and never
// waits for any of them. The owner's loop asks it to work when one of its descriptors is ready.
//
// When a client leaves, in whatever way, its memory windows and eventfds are given back and the
// card's function is reset: the queues of a guest that is gone must not write into the memory of
// the next. (The protocol would rather keep the state of the device.) The firmware goes on.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "device/card.hpp"
#include "vfio_user/connection.hpp"
#include "vfio_user/dma_messages.hpp"
#include "vfio_user/session.hpp"

namespace hni::device::vfio_user {

struct ServerCounters {
  std::uint64_t clients = 0;      ///< that were accepted
  std::uint64_t breaches = 0;     ///< clients that were closed because they broke the protocol
  std::uint64_t turned_away = 0;  ///< that came while another one was served
};

class Server {
 public:
  /// What to tell a person: a client came, left, or was closed.
  using Report = std::function<void(const std::string& line)>;

  /// Listens on `path`. A socket that nobody listens on any more is replaced; a path that is in
  /// use, or is no socket, is an error: one line. `wire` outlives the server.
  static tl::expected<std::unique_ptr<Server>, std::string> create(const std::string& path,
                                                                   const CardConfig& config,
                                                                   Wire& wire, Report report);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Card& card() { return card_; }
  DmaMemory& dma() { return dma_; }
  const std::string& path() const { return path_; }
  int listener() const { return listener_.get(); }
  /// The client's socket, or -1. It changes in accept_client() and serve().
  int client() const { return connection_ ? connection_->fd() : -1; }
  /// True while answers wait for the client to read: the loop wants to hear of room to write.
  bool wants_write() const { return connection_ && connection_->unsent() != 0; }

  /// True: serve() has something to do although nothing comes: questions that were held back, or
  /// a client that has to be closed.
  bool wants_turn() const {
    return connection_ && (dma_messages_.holds() || connection_->broken());
  }
  /// The card worked (run, tick, a frame): its host sees what it wrote.
  void publish() { dma_.flush(); }

  /// The listener is readable: takes the client, if none is being served.
  void accept_client();
  /// The client's socket is ready: does what it asks, at most `budget` messages. True: more may
  /// wait. The card's time is `now_ns`.
  bool serve(std::uint64_t now_ns, unsigned budget);

  const ServerCounters& counters() const { return counters_; }
  /// Of all clients together.
  SessionCounters session_counters() const;
  const GuestMemory& memory() const { return memory_; }
  GuestMemory& memory() { return memory_; }
  const IrqLines& lines() const { return lines_; }
  const DmaMessageCounters& dma_messages() const { return dma_messages_.counters(); }

 private:
  Server(std::string path, const CardConfig& config, Wire& wire, Report report);

  void answer(Message& message);
  void send_reply(Header header, const Reply& reply);
  /// Answers a register write before it is done, if it can only succeed.
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
  SessionCounters past_;
  ServerCounters counters_;
  std::uint64_t lost_before_ = GuestMemory::lost();
};

}  // namespace hni::device::vfio_user
