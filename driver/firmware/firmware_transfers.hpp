// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The two firmware transfers that take several messages, as small state machines without input or
/// output: writing a flash section [device 6.5] and reading a core dump [device 6.4]. Each step
/// advances by at least one byte, so both end.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "driver/firmware/messages.hpp"

namespace hni {

/// Flash sections that a host may write, by their numbers in messages and packages.
enum class FlashSection : std::uint8_t { kBoot1 = 0, kBoot2 = 1, kOptionRom = 3 };

/// Converts a component id of a package.
/// @param component_id the id
/// @return its section; nullopt if the host may not write it
constexpr std::optional<FlashSection> flash_section(std::uint32_t component_id) {
  if (component_id == 0 || component_id == 1 || component_id == 3)
    return static_cast<FlashSection>(component_id);
  return std::nullopt;
}

/// Returns the name of a section.
/// @param section the section
/// @return a static string
constexpr std::string_view to_string(FlashSection section) {
  return section == FlashSection::kBoot1   ? "boot1"
         : section == FlashSection::kBoot2 ? "boot2"
                                           : "option-rom";
}

/// A write of a flash section. The firmware requests the image piece by piece; this tracks which
/// piece is next. The image belongs to the caller and must live until the session ends.
class FlashSession {
 public:
  /// State of the session.
  enum class State : std::uint8_t {
    kIdle,      ///< no session
    kStarting,  ///< START_REQ was sent
    kWaiting,   ///< waits for a WRITE_CHUNK_REQ, or for FINISH after the last byte
    kAnswering  ///< a requested piece has to be sent
  };
  /// Progress of the session.
  struct Progress {
    std::uint32_t done = 0;   ///< bytes sent
    std::uint32_t total = 0;  ///< bytes of the image
  };

  /// Starts a session: kStarting.
  /// @param image must live until end()
  void begin(std::span<const std::byte> image) {
    image_ = image;
    next_ = 0;
    length_ = 0;
    state_ = State::kStarting;
  }
  /// Handles START_RESP without an error.
  void started() { state_ = State::kWaiting; }
  /// Ends the session.
  void end() { *this = {}; }

  /// Handles WRITE_CHUNK_REQ: must request the next bytes in sequence, 1 .. 3584 of them, inside
  /// the image.
  /// @param attributes of the message
  /// @return the refusal of an invalid request
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
  /// @return the piece to send; requires kAnswering
  [[nodiscard]] std::span<const std::byte> piece() const { return image_.subspan(next_, length_); }
  /// @return offset of the next piece, bytes
  [[nodiscard]] std::uint32_t offset() const { return next_; }
  /// Records that the piece was sent.
  void answered() {
    next_ += length_;
    length_ = 0;
    state_ = State::kWaiting;
  }

  /// @return true if FINISH is valid now: the last byte was sent
  [[nodiscard]] bool complete() const { return state_ == State::kWaiting && next_ == total(); }
  /// @return state of the session
  [[nodiscard]] State state() const { return state_; }
  /// @return progress of the session
  [[nodiscard]] Progress progress() const { return {next_, total()}; }
  /// @return true if the next piece is inside the image
  [[nodiscard]] bool is_valid() const {
    return next_ <= total() && length_ <= total() - next_ && length_ <= kTlvMaxData;
  }

 private:
  [[nodiscard]] std::uint32_t total() const { return static_cast<std::uint32_t>(image_.size()); }

  State state_ = State::kIdle;
  std::span<const std::byte> image_;
  std::uint32_t next_ = 0;    ///< first byte that was not sent
  std::uint32_t length_ = 0;  ///< of the piece to send
};

/// A read of a core dump into the caller's memory, which must live until the session ends. One
/// request at a time, each of kStride bytes but the last.
class CoreDumpSession {
 public:
  static constexpr std::uint32_t kStride = kTlvMaxData;  ///< bytes per request

  /// Starts a session.
  /// @param to as large as the dump
  void begin(std::span<std::byte> to) {
    to_ = to;
    offset_ = 0;
  }
  /// Ends the session.
  void end() { *this = {}; }

  /// @return true once all bytes were read
  [[nodiscard]] bool done() const { return offset_ == to_.size(); }
  /// @return offset of the next request, bytes
  [[nodiscard]] std::uint32_t offset() const { return offset_; }
  /// @return length of the next request, bytes
  [[nodiscard]] std::uint32_t length() const {
    return static_cast<std::uint32_t>(std::min<std::size_t>(kStride, to_.size() - offset_));
  }

  /// Handles COREDUMP_READ_RESP: offset and length must echo the request, and the data must have
  /// that length.
  /// @param attributes of the message
  /// @return the refusal of an invalid response
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
