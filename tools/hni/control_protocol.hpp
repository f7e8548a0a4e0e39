// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The requests of the control socket, as bytes and as values. Pure functions: no sockets, no
/// ports.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace hni::tools {

struct Question {
  struct Register {
    std::uint32_t bar = 0;  ///< 0 or 4
    std::uint32_t byte_offset = 0;
    friend bool operator==(const Register&, const Register&) = default;
  };
  static constexpr std::size_t kMaxBytes = 1 << 20;
  static constexpr std::size_t kMaxReads = 8192;

  std::string verb;
  std::string port;  ///< empty: all
  std::string site;
  std::optional<std::uint32_t> value;
  std::optional<std::uint32_t> count;  ///< faults; without it until the driver refuses one
  std::vector<Register> reads;
  friend bool operator==(const Question&, const Question&) = default;
};

/// Parses one line. Returns a one-line error for a member of the wrong type, an unknown register,
/// and JSON that is too deep or too long.
tl::expected<Question, std::string> parse_question(std::string_view line);
/// Returns the line, without its line feed.
std::string question_text(const Question& question);

/// Collects the bytes of one request, which may arrive in any pieces.
class QuestionReader {
 public:
  enum class State : std::uint8_t { kIncomplete, kComplete, kTooLong };

  /// Bytes after the first line are ignored: each connection carries one request.
  State add(std::string_view bytes);
  [[nodiscard]] const std::string& line() const { return line_; }

 private:
  std::string line_;
  State state_ = State::kIncomplete;
};

}  // namespace hni::tools
