// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The two firmware transfers that take several messages, as small state machines without input or
/// output: writing a flash section [device 6.5] and reading a core dump [device 6.4]. Each step
/// moves forward by at least one byte, so both end.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "driver/firmware/messages.hpp"

namespace hni {

/// Flash sections that a host may write, by their numbers in messages and containers.
enum class FlashSection : std::uint8_t { kBoot1 = 0, kBoot2 = 1, kOptionRom = 3 };

constexpr std::optional<FlashSection> flash_section(std::uint32_t component_id) {
  if (component_id == 0 || component_id == 1 || component_id == 3)
    return static_cast<FlashSection>(component_id);
  return std::nullopt;
}

constexpr std::string_view to_string(FlashSection section) {
  return section == FlashSection::kBoot1   ? "boot1"
         : section == FlashSection::kBoot2 ? "boot2"
                                           : "option-rom";
}

/// The firmware asks for the image piece by piece; this says which piece may be handed out. The
/// image stays the caller's and must live until the session ends.
class FlashSession {
 public:
  enum class State : std::uint8_t {
    kIdle,
    kStarting,  ///< START_REQ sent
    kWaiting,   ///< the firmware owes a WRITE_CHUNK_REQ, or FINISH after the last byte
    kAnswering  ///< a piece is due to the firmware
  };
  struct Progress {
    std::uint32_t done = 0;  ///< bytes handed out
    std::uint32_t total = 0;
  };

  void begin(std::span<const std::byte> image) {
    image_ = image;
    next_ = 0;
    length_ = 0;
    state_ = State::kStarting;
  }
  /// START_RESP without an error.
  void started() { state_ = State::kWaiting; }
  void end() { *this = {}; }

  /// WRITE_CHUNK_REQ: the next piece in sequence, 1 .. 3584 bytes, inside the image.
  Decoded<void> accept(const Attributes& attributes) {
    namespace A = fw::FW_WRITE_CHUNK_REQ;
    if (const auto echo = decode_echo(attributes, A::OFFSET, next_); !echo) return echo;
    const auto length = attributes.unsigned_at(A::LENGTH);
    const std::uint64_t limit = std::min<std::uint64_t>(kTlvMaxData, total() - next_);
    const auto bytes = length.between(1, limit);
    if (!bytes) return refusal(Site::kFwPayload, length.as_data(), limit);
    length_ = static_cast<std::uint32_t>(*bytes);
    state_ = State::kAnswering;
    return {};
  }
  /// The piece that is due. Requires kAnswering.
  [[nodiscard]] std::span<const std::byte> piece() const { return image_.subspan(next_, length_); }
  [[nodiscard]] std::uint32_t offset() const { return next_; }
  /// The piece was sent.
  void answered() {
    next_ += length_;
    length_ = 0;
    state_ = State::kWaiting;
  }

  /// FINISH is right only after the last byte.
  [[nodiscard]] bool complete() const { return state_ == State::kWaiting && next_ == total(); }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Progress progress() const { return {next_, total()}; }
  [[nodiscard]] bool is_valid() const {
    return next_ <= total() && length_ <= total() - next_ && length_ <= kTlvMaxData;
  }

 private:
  [[nodiscard]] std::uint32_t total() const { return static_cast<std::uint32_t>(image_.size()); }

  State state_ = State::kIdle;
  std::span<const std::byte> image_;
  std::uint32_t next_ = 0;    ///< first byte that the firmware has not got
  std::uint32_t length_ = 0;  ///< of the piece that is due
};

/// Reads a dump of a size that is known into the caller's memory, which must live until the
/// session ends. One request at a time, each of the stride's length but the last.
class CoreDumpSession {
 public:
  static constexpr std::uint32_t kStride = kTlvMaxData;

  void begin(std::span<std::byte> to) {
    to_ = to;
    offset_ = 0;
  }
  void end() { *this = {}; }

  [[nodiscard]] bool done() const { return offset_ == to_.size(); }
  [[nodiscard]] std::uint32_t offset() const { return offset_; }
  [[nodiscard]] std::uint32_t length() const {
    return static_cast<std::uint32_t>(std::min<std::size_t>(kStride, to_.size() - offset_));
  }

  /// COREDUMP_READ_RESP: offset and length must be the asked ones, the data as long as that.
  Decoded<void> accept(const Attributes& attributes) {
    namespace A = fw::COREDUMP_READ_RESP;
    if (const auto echo = decode_echo(attributes, A::OFFSET, offset_); !echo) return echo;
    if (const auto echo = decode_echo(attributes, A::LENGTH, length()); !echo) return echo;
    const auto data = decode_data(attributes, A::DATA, length());
    if (!data) return tl::unexpected<Refusal>(data.error());
    std::memcpy(to_.data() + offset_, data->data(), data->size());
    offset_ += static_cast<std::uint32_t>(data->size());
    return {};
  }

 private:
  std::span<std::byte> to_;
  std::uint32_t offset_ = 0;
};

}  // namespace hni
