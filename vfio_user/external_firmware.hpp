// SPDX-License-Identifier: Apache-2.0
#pragma once
// The firmware's side of a card in another process, over the protocol of Meta's public mock
// firmware [device 22]: a Unix stream socket, messages of 248 bytes.
//
//   to the firmware     SYNC_SYSMEM  which memory of the host it may map, with the files
//                       BAR_WRITE    the host wrote a mailbox dword
//                       BAR_READ     the host reads one; answered by BAR_CMPL
//   from the firmware   BAR_CMPL     the answer
//                       BAR_WRITE    vector 0, the lanes
//
// The firmware listens, the card comes to it. Only the memory that mailbox descriptors point to is
// shown, at most eight windows: what one message carries.
//
// The other side is not trusted. An unknown command, a length that is none, too much at once, no
// answer within kAnswerTime, the end: it is dead then, with one line that says why, and the card
// goes on as one whose firmware died. Writes to anything but vector 0 and the lanes are refused
// and counted. Nothing waits longer than kAnswerTime.
//
// That the mock takes at most 16 messages at a time, and loses all of a longer row, is a fact of
// its code: after kMostUnderWay messages one is a read, and waited for.

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

enum class EmulatorCommand : std::uint32_t {
  kRet = 0,
  kBarWrite = 1,
  kBarCompletion = 2,
  kBarRead = 3,
  kSyncMemory = 4,
};

struct EmulatorMessage {
  static constexpr std::size_t kDataBytes = 192;
  static constexpr std::size_t kMaxFds = 8;

  EmulatorCommand command;
  std::uint32_t pad0;
  std::uint64_t size;  ///< bytes of `data` that count
  std::array<std::byte, kDataBytes> data;
  std::array<std::int32_t, kMaxFds> fds;  ///< placeholders: the files come beside the bytes
  std::uint32_t num_fds;
  std::uint32_t pad1;
};

struct EmulatorBarAccess {
  std::uint64_t address;
  std::uint64_t value;
  std::uint32_t size;
  std::uint8_t memory;
  std::array<std::uint8_t, 3> pad;
};

struct EmulatorMemory {
  std::uint64_t address;
  std::uint64_t bytes;
  std::uint64_t offset;
};
static_assert(sizeof(EmulatorMessage) == 248 && sizeof(EmulatorBarAccess) == 24 &&
              sizeof(EmulatorMemory) == 24);

struct ForeignFirmwareCounters {
  std::uint64_t writes = 0;          ///< mailbox dwords that the host wrote
  std::uint64_t reads = 0;           ///< that were asked for
  std::uint64_t syncs = 0;           ///< lists of memory
  std::uint64_t unshown = 0;         ///< descriptors whose memory could not be shown
  std::uint64_t interrupts = 0;      ///< vector 0
  std::uint64_t lanes = 0;           ///< writes to SIG_PCS_IN0 and SIG_PCS_IN1
  std::uint64_t refused_writes = 0;  ///< to anything else, or of another size
  std::uint64_t strays = 0;          ///< answers that nobody waited for
  std::uint64_t deaths = 0;          ///< 0 or 1
};

class ExternalFirmware final : public FirmwareBackend {
 public:
  using Report = std::function<void(const std::string& line)>;

  static constexpr std::chrono::milliseconds kAnswerTime{2000};
  static constexpr unsigned kMaxUnderWay = 12;
  /// Messages that may come instead of the answer that is waited for.
  static constexpr unsigned kMaxUnasked = 4096;

  /// Connects to the firmware that listens at `path`. An error is one line.
  static tl::expected<std::unique_ptr<ExternalFirmware>, std::string> connect(
      const std::string& path, Report report);

  /// From now on it answers for `card`, whose host's memory is `memory` (still empty). Both
  /// outlive this object, or are not used any more.
  void serve_card(Card& card, GuestMemory& memory);

  /// Readable when it has something to say; -1: it is dead.
  int fd() const { return socket_.get(); }
  /// Memory that the host took away is taken away from the firmware, too. Cheap when nothing
  /// changed.
  void follow_memory();
  /// Does what it says, at most `budget` messages. True: more may wait.
  bool serve(unsigned budget);

  bool alive() const { return static_cast<bool>(socket_); }
  /// Why it is dead.
  const std::string& why() const { return why_; }
  const ForeignFirmwareCounters& counters() const { return counters_; }
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
  /// Reads what has come. False: nothing, or it is dead.
  bool fill();
  bool take_message();
  void take_write(const EmulatorBarAccess& access);

  std::string path_;
  Report report_;
  OwnedFd socket_;
  Card* card_ = nullptr;
  const GuestMemory* memory_ = nullptr;
  std::array<std::uint32_t, kMailboxWords> words_{};  ///< what the host wrote last
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
