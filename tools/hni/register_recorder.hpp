// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RegisterRecorder: records every register access of a card's host, one line each, with the names
/// of the spec (`hni device --record`):
///
///     mark
///     w QM_TNI_TCM_CTL 0x9
///     r MBX_DESC_HI[0][3] 0x80000000
///     w QUEUE_TWQ0_TAIL[0] 0x3
///
/// A 64-bit register has its upper half as NAME.high; a word that the spec does not name is
/// "BAR0+0x1234". The value of a read is what the host sees. `mark` lines divide a recording:
/// the test program writes one before the next phase (SIGUSR2).
///
/// The guest determines how much is recorded. With a full disk or a slow reader of a pipe, lines
/// are dropped and counted, and the card continues.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "device/host_interposer.hpp"
#include "device/register_file.hpp"
#include "tools/hni/log_queue.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

/// Returns the spec's name of one word, with its indices.
std::string word_name(spec::RegAddr at);

class RegisterRecorder : public device::HostInterposer {
 public:
  /// Starts a new file. `next` may be null; else it is called for every access after the recorder,
  /// and the value to which it changes a read is the one that is recorded.
  static Outcome<std::unique_ptr<RegisterRecorder>> create(const std::string& file,
                                                           device::HostInterposer* next);

  /// Writes a mark; everything before it is in the file when this returns.
  void mark();
  [[nodiscard]] std::uint64_t accesses() const { return accesses_; }
  /// Returns the number of lines that were dropped.
  [[nodiscard]] std::uint64_t lost() const { return out_.dropped(); }
  /// Writes the buffered lines. Returns the reason if lines are missing, else an empty text.
  std::string finish();

  std::uint32_t read(spec::RegAddr at, std::uint32_t honest) override;
  bool write(spec::RegAddr at, std::uint32_t value) override;
  std::uint64_t complete(device::CompletionKind kind, std::uint64_t word) override;
  void deliver(std::span<std::byte> message) override;

 private:
  RegisterRecorder(std::string path, Fd file, device::HostInterposer* next)
      : path_(std::move(path)), file_(std::move(file)), out_(file_.get(), kBuffer), next_(next) {}
  void note(char kind, spec::RegAddr at, std::uint32_t value);

  static constexpr std::size_t kBuffer = 1024 * 1024;
  static constexpr std::size_t kWriteAt = 64 * 1024;

  std::string path_;
  Fd file_;
  LogQueue out_;
  std::size_t buffered_ = 0;
  std::unordered_map<std::uint64_t, std::string> names_;  ///< names of words that were accessed
  device::HostInterposer* next_;
  std::uint64_t accesses_ = 0;
};

}  // namespace hni::tools
