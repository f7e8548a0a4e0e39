// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Errors are values. An Error names what went wrong and carries one number that helps (a limit,
/// an index, an address); text() says it in words and with the remedy, for people. Tools add the
/// name of the port, file or option.

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

namespace hni {

// X(enumerator, what and what to do)
#define HNI_ERRORS(X)                                                                          \
  X(kNone, "no error")                                                                         \
  X(kNoMemory, "no DMA memory left: use smaller or fewer rings, or give the port more memory") \
  X(kBadRingSize, "ring size must be a power of two from 64 to 65536")                         \
  X(kBadQueueCount, "the card has 1 to 128 queue pairs")                                       \
  X(kBadMtu, "MTU must be 1280 to 9728 bytes")                                                 \
  X(kBadArgument, "argument out of range")                                                     \
  X(kCardGone,                                                                                 \
    "the card does not answer (all registers read all ones): re-insert or reset it, attach "   \
    "again")                                                                                   \
  X(kFirmwareSilent,                                                                           \
    "the firmware did not answer before its deadline: reset the card, attach again")           \
  X(kFirmwareTooOld,                                                                           \
    "the firmware is too old for this (0.10.6 to start, 0.12.9 for logs): update it")          \
  X(kFirmwareRefused, "the firmware reported an error for this request")                       \
  X(kFirmwareBadLink,                                                                          \
    "the firmware names a link speed that does not exist: only management works")              \
  X(kMailboxFull, "15 messages are under way: try again after the next step")                  \
  X(kRequestPending, "a request of this kind is under way: wait for its answer")               \
  X(kTimeout, "no answer before the deadline")                                                 \
  X(kNotQuiet, "the card did not become quiet: its memory is kept until a reset")              \
  X(kNotRunning, "the port is not running: start it first")                                    \
  X(kTableFull, "the card's table is full: remove an entry first")                             \
  X(kNotFound, "no such entry")                                                                \
  X(kBadFirmwareData, "the firmware's answer does not fit the request")

enum class ErrorCode : std::uint8_t {
#define HNI_X(id, text) id,
  HNI_ERRORS(HNI_X)
#undef HNI_X
};

struct Error {
  ErrorCode code{};
  std::uint64_t detail = 0;  ///< the offending number, 0 if none

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
  friend constexpr bool operator==(const Error&, const Error&) = default;
};

template <class T = void>
using Result = tl::expected<T, Error>;

constexpr tl::unexpected<Error> fail(ErrorCode code, std::uint64_t detail = 0) {
  return tl::unexpected<Error>(Error{code, detail});
}

}  // namespace hni
