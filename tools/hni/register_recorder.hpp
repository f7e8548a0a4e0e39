// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RegisterRecorder: every register access of a card's host, one line each, in the words of the
/// spec (`hni device --record`):
///
///     mark
///     w QM_TNI_TCM_CTL 0x9
///     r MBX_DESC_HI[0][3] 0x80000000
///     w QUEUE_TWQ0_TAIL[0] 0x3
///
/// A 64-bit register has its upper half as NAME.high; a word that the spec does not name is
/// "BAR0+0x1234". The value of a read is what the host sees. `mark` lines divide a recording:
/// whoever knows what the driver is asked to do next writes one (SIGUSR2).

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <unordered_map>

#include "device/host_interposer.hpp"
#include "device/register_file.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

/// The spec's name of one word, with its indices.
std::string word_name(spec::RegAddr at);

class RegisterRecorder : public device::HostInterposer {
 public:
  /// Begins a new file. `next` may be null; else it hears everything after the recorder, and what
  /// it makes of a read is what is written down.
  static Outcome<std::unique_ptr<RegisterRecorder>> create(const std::string& file,
                                                           device::HostInterposer* next);

  /// Divides the recording here; all before it is in the file when this returns.
  void mark();
  [[nodiscard]] std::uint64_t accesses() const { return accesses_; }

  std::uint32_t read(spec::RegAddr at, std::uint32_t honest) override;
  bool write(spec::RegAddr at, std::uint32_t value) override;
  std::uint64_t complete(device::CompletionKind kind, std::uint64_t word) override;
  void deliver(std::span<std::byte> message) override;

 private:
  struct Closer {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  RegisterRecorder(std::FILE* file, device::HostInterposer* next) : file_(file), next_(next) {}
  void note(char kind, spec::RegAddr at, std::uint32_t value);

  std::unique_ptr<std::FILE, Closer> file_;
  std::unordered_map<std::uint64_t, std::string> names_;  ///< of words that were used
  device::HostInterposer* next_;
  std::uint64_t accesses_ = 0;
};

}  // namespace hni::tools
