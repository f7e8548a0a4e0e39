// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Errors are values. An Error has a code and one number that helps (a limit, an index, an
/// address); text() names the cause and the remedy for people. Tools add the port, file or option.

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

namespace hni {

// X(enumerator, what and what to do)
#define HNI_ERRORS(X)                                                                          \
  X(kNone, "no error")                                                                         \
  X(kNoMemory, "out of DMA memory: use smaller or fewer rings, or give the port more memory")  \
  X(kBadRingSize, "ring size must be a power of two from 64 to 65536")                         \
  X(kBadQueueCount, "the card has 1 to 128 queue pairs")                                       \
  X(kBadMtu, "MTU must be 1280 to 9728 bytes")                                                 \
  X(kBadArgument, "argument out of range")                                                     \
  X(kCardGone,                                                                                 \
    "the device does not answer (all registers read all ones): re-insert or reset it, attach " \
    "again")                                                                                   \
  X(kFirmwareSilent,                                                                           \
    "the firmware did not answer before its deadline: reset the card, attach again")           \
  X(kFirmwareTooOld, "firmware too old (0.10.6 needed to start, 0.12.9 for logs): update it")  \
  X(kFirmwareRefused, "the firmware reported an error for this request")                       \
  X(kFirmwareBadLink, "the firmware reports an invalid link speed: only management works")     \
  X(kMailboxFull, "mailbox full (15 messages outstanding): retry after the next step()")       \
  X(kRequestPending, "a request of this kind is outstanding: wait for its response")           \
  X(kTimeout, "no response before the deadline")                                               \
  X(kNotQuiet, "the device did not become idle: its memory is kept until a reset")             \
  X(kNotRunning, "the port is not running: start it first")                                    \
  X(kTableFull, "the device's table is full: remove an entry first")                           \
  X(kNotFound, "no such entry")                                                                \
  X(kBadFirmwareData, "the firmware's response does not match the request")                    \
  X(kCardReset, "the device was reset under the driver: its queues are set up again")

/// Error codes; HNI_ERRORS has the text of each.
enum class ErrorCode : std::uint8_t {
#define HNI_X(id, text) id,
  HNI_ERRORS(HNI_X)
#undef HNI_X
};

/// An error value.
struct Error {
  /// What went wrong.
  ErrorCode code{};
  /// The offending number; 0 if the code has none.
  std::uint64_t detail = 0;

  /// Returns the cause and the remedy, for people.
  /// @return a static string
  [[nodiscard]] constexpr std::string_view text() const {
    switch (code) {
#define HNI_X(id, text) \
  case ErrorCode::id:   \
    return text;
      HNI_ERRORS(HNI_X)
#undef HNI_X
    }
    return "unknown error";
  }
  /// Compares code and detail.
  /// @return true if both are equal
  friend constexpr bool operator==(const Error&, const Error&) = default;
};

/// A value or an Error.
/// @tparam T value type; void for success only
template <class T = void>
using Result = tl::expected<T, Error>;

/// Makes a failed Result.
/// @param code what went wrong
/// @param detail the offending number
/// @return convertible to any Result
constexpr tl::unexpected<Error> fail(ErrorCode code, std::uint64_t detail = 0) {
  return tl::unexpected<Error>(Error{code, detail});
}

}  // namespace hni
