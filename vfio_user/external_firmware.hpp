// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Firmware in another process, over the protocol of Meta's public mock firmware [device 22]: a
/// Unix stream socket, messages of 248 bytes.
///
///  to the firmware     SYNC_SYSMEM  memory of the host that it may map, with the files
///                      BAR_WRITE    the host wrote a mailbox dword
///                      BAR_READ     the host reads one; the reply is BAR_CMPL
///  from the firmware   BAR_CMPL     the reply
///                      BAR_WRITE    vector 0, the lanes
///
/// The firmware listens, the card connects. Only memory that mailbox descriptors point to is
/// shared, at most eight windows: what one message carries.
///
/// The peer is not trusted. An unknown command, an invalid length, too many messages, no reply
/// within kAnswerTime, or an end of file disconnect it, with one line that gives the reason, and
/// the card behaves as if its firmware crashed. Writes to anything but vector 0 and the lanes are
/// refused and counted. No call waits longer than kAnswerTime.
///
/// The mock accepts at most 16 messages at a time and loses all of a longer sequence (a fact of
/// its code): after kMaxUnderWay messages a read is sent, and its reply awaited.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "device/card.hpp"
#include "device/firmware_backend.hpp"
#include "vfio_user/guest_memory.hpp"
#include "vfio_user/owned_fd.hpp"

namespace hni::device::vfio_user {

/// Commands of the protocol.
enum class EmulatorCommand : std::uint32_t {
  kRet = 0,
  kBarWrite = 1,
  kBarCompletion = 2,
  kBarRead = 3,
  kSyncMemory = 4,
};

/// A message of the protocol.
struct EmulatorMessage {
  static constexpr std::size_t kDataBytes = 192;  ///< bytes of `data`
  static constexpr std::size_t kMaxFds = 8;       ///< maximum number of descriptors

  EmulatorCommand command;                 ///< command
  std::uint32_t pad0;                      ///< padding
  std::uint64_t size;                      ///< valid bytes of `data`
  std::array<std::byte, kDataBytes> data;  ///< depends on the command
  std::array<std::int32_t, kMaxFds> fds;   ///< placeholders: the files are ancillary data
  std::uint32_t num_fds;                   ///< number of files
  std::uint32_t pad1;                      ///< padding
};

/// Data of kBarWrite, kBarRead and kBarCompletion.
struct EmulatorBarAccess {
  std::uint64_t address;            ///< offset in the BAR
  std::uint64_t value;              ///< value
  std::uint32_t size;               ///< bytes
  std::uint8_t memory;              ///< BAR
  std::array<std::uint8_t, 3> pad;  ///< padding
};

/// Data of kSyncMemory.
struct EmulatorMemory {
  std::uint64_t address;  ///< bus address
  std::uint64_t bytes;    ///< size
  std::uint64_t offset;   ///< offset in the file
};
static_assert(sizeof(EmulatorMessage) == 248 && sizeof(EmulatorBarAccess) == 24 &&
              sizeof(EmulatorMemory) == 24);

/// Counters of the connection.
struct ForeignFirmwareCounters {
  std::uint64_t writes = 0;          ///< mailbox dwords that the host wrote
  std::uint64_t reads = 0;           ///< mailbox dwords read from the firmware
  std::uint64_t syncs = 0;           ///< SYNC_SYSMEM messages
  std::uint64_t unshown = 0;         ///< descriptors whose memory could not be shared
  std::uint64_t interrupts = 0;      ///< raises of vector 0
  std::uint64_t lanes = 0;           ///< writes to SIG_PCS_IN0 and SIG_PCS_IN1
  std::uint64_t refused_writes = 0;  ///< writes to anything else, or of another size
  std::uint64_t strays = 0;          ///< replies without a request
  std::uint64_t deaths = 0;          ///< disconnects: 0 or 1
};

/// The firmware backend of one card.
class ExternalFirmware final : public FirmwareBackend {
 public:
  using Report = std::function<void(const std::string& line)>;  ///< receives events, one line each

  static constexpr std::chrono::milliseconds kAnswerTime{2000};  ///< time that a reply may take
  /// messages without a reply before a read synchronises
  static constexpr unsigned kMaxUnderWay = 12;
  /// maximum number of messages that may arrive instead of the expected reply
  static constexpr unsigned kMaxUnasked = 4096;

  /// Connects to the firmware that listens at a path.
  /// @param path path of the socket
  /// @param report receives events
  /// @return the backend, or an error of one line
  static tl::expected<std::unique_ptr<ExternalFirmware>, std::string> connect(
      const std::string& path, Report report);

  /// Installs this backend in a card. Both must outlive its use.
  /// @param card the card
  /// @param memory memory of its host; empty yet
  void serve_card(Card& card, GuestMemory& memory);

  /// @return file descriptor that is readable when serve() has work; -1 when disconnected
  int fd() const { return socket_.get(); }
  /// Withdraws memory that the host unmapped. Cheap if nothing changed.
  void follow_memory();
  /// Handles messages of the firmware.
  /// @param budget maximum number of messages
  /// @return true if more may wait
  bool serve(unsigned budget);

  /// @return true while connected
  bool alive() const { return static_cast<bool>(socket_); }
  /// @return why it is disconnected
  const std::string& why() const { return why_; }
  /// @return the counters
  const ForeignFirmwareCounters& counters() const { return counters_; }
  /// @return path of the socket
  const std::string& path() const { return path_; }

  // FirmwareBackend.
  std::optional<std::uint32_t> read(std::uint32_t byte_offset) override;
  void write(std::uint32_t byte_offset, std::uint32_t value) override;

 private:
  static constexpr std::uint32_t kMailboxFirst = 0x18000;
  static constexpr std::uint32_t kMailboxWords = 64;
  static constexpr std::uint32_t kCrmEnd = 0x4000;

  ExternalFirmware(std::string path, Report report, OwnedFd socket);

  void die(const std::string& why);
  std::vector<SharedWindow> wanted_memory() const;
  void show_memory();
  bool shown(std::uint64_t address) const;
  void send(EmulatorMessage& message, const std::vector<int>& files = {});
  bool send_some(const EmulatorMessage& message, std::size_t& done, const std::vector<int>& files);
  bool wait_for(short events, std::chrono::steady_clock::time_point end);
  std::optional<std::uint32_t> ask(std::uint32_t byte_offset);
  /// Reads what has arrived. Returns false if nothing arrived or the peer disconnected.
  bool fill();
  bool take_message();
  void take_write(const EmulatorBarAccess& access);

  std::string path_;
  Report report_;
  OwnedFd socket_;
  Card* card_ = nullptr;
  const GuestMemory* memory_ = nullptr;
  std::array<std::uint32_t, kMailboxWords> words_{};  ///< last values that the host wrote
  std::vector<SharedWindow> shown_;
  std::uint64_t shown_generation_ = 0;
  unsigned under_way_ = 0;
  std::optional<std::uint32_t> asked_;
  std::optional<std::uint32_t> answer_;
  std::array<std::byte, 16 * sizeof(EmulatorMessage)> in_{};
  std::size_t have_ = 0;
  std::string why_;
  ForeignFirmwareCounters counters_;
};

}  // namespace hni::device::vfio_user
