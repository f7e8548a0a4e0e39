// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The interface of a card that is served on one socket, for any protocol, to the loop of `hni
/// device`.

#include <cstdint>
#include <string>

#include "device/card.hpp"
#include "vfio_user/guest_memory.hpp"
#include "vfio_user/loop_hooks.hpp"

namespace hni::device::vfio_user {

/// A card that is served on one socket.
class CardServer {
 public:
  /// Creates it.
  CardServer() = default;
  /// Not copyable.
  CardServer(const CardServer&) = delete;
  /// Not copyable.
  CardServer& operator=(const CardServer&) = delete;
  /// Closes the client and removes the path.
  virtual ~CardServer() = default;

  /// @return the card
  virtual Card& card() = 0;
  /// @return the memory that the card reaches
  virtual DmaMemory& dma() = 0;
  /// @return the memory windows
  virtual GuestMemory& memory() = 0;
  /// @return path of the socket
  virtual const std::string& path() const = 0;
  /// @return file descriptor of the listening socket
  virtual int listener() const = 0;
  /// @return the client's socket, or -1; changes in accept_client() and serve()
  virtual int client() const = 0;
  /// @return true while replies wait for the client to read, so that the loop must poll for room
  virtual bool wants_write() const = 0;
  /// @return true if serve() has work without an event on a descriptor
  virtual bool wants_turn() const = 0;
  /// Sets the event loop, which limits the time of each call of serve().
  /// @param hooks must outlive the server
  virtual void set_hooks([[maybe_unused]] LoopHooks& hooks) {}
  /// @return false while the listener is to be ignored: accept() failed
  virtual bool accepts() const { return true; }
  /// @return when serve() has work without an event on a descriptor; ~0: never
  virtual std::uint64_t next_deadline_ns() const { return ~std::uint64_t{0}; }
  /// Makes what the card wrote visible to the host; call after run(), tick() or a frame.
  virtual void publish() = 0;

  /// Accepts a client, or refuses it while another one is served. Call when the listener is
  /// readable.
  virtual void accept_client() = 0;
  /// Handles messages of the client. Call when its socket is ready.
  /// @param now_ns time of the card
  /// @param budget maximum number of messages
  /// @return true if more may wait
  virtual bool serve(std::uint64_t now_ns, unsigned budget) = 0;
};

}  // namespace hni::device::vfio_user
