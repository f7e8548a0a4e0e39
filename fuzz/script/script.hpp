// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Scripts: the meaning of a fuzz input. A script is a sequence of typed operations of a target's
/// list. It has two forms:
///
///  binary, for engines: each operation is four bytes (kind, a, b low, b high) and, if its kind
///    has a value, four or eight more, little-endian. Every byte sequence is a script: the kind
///    is taken modulo the number of kinds, and missing bytes at the end are zero.
///  text, for people: one operation per line, `name a=1 b=2 value=0x3`, with the argument names
///    of the operation; `#` starts a comment; omitted arguments are zero.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "driver/core/input_sites.hpp"
#include "fuzz/script/run_context.hpp"

namespace hni::fuzz {

enum class ArgKind : std::uint8_t { kNone, kNumber, kClass, kSite };

struct OpInfo {
  std::string_view name;
  ArgKind a_kind = ArgKind::kNone;
  std::string_view a;            ///< name of the byte argument
  std::string_view b;            ///< name of the 16-bit argument; empty: not used
  std::uint8_t value_words = 0;  ///< 32-bit words of `value`: 0, 1 or 2
  std::string_view text;         ///< what it does
};
using OpList = std::span<const OpInfo>;

/// Returns the input site that a byte of a script represents. A byte that is not the number of a
/// site stands for one of the first 53, so that a new site changes the meaning of its own number
/// only; tests/fuzz/corpus_test.cpp keeps such bytes out of the corpus.
constexpr Site site_of(std::uint8_t byte) {
  constexpr std::size_t kFirstSites = 53;
  return static_cast<Site>(byte < kSiteCount ? byte : byte % kFirstSites);
}

struct Op {
  std::uint8_t kind = 0;
  std::uint8_t a = 0;
  std::uint16_t b = 0;
  std::uint64_t value = 0;
};

/// Reads operations from bytes. Never fails; returns at most size / 4 + 1 operations.
class ScriptReader {
 public:
  ScriptReader(const std::uint8_t* data, std::size_t size, OpList ops)
      : at_(data), end_(data + size), ops_(ops) {}

  bool next(Op& op) {
    if (at_ == end_) return false;
    if (end_ - at_ >= 12) [[likely]] {
      op = {kind_of(at_[0]), at_[1], static_cast<std::uint16_t>(at_[2] | at_[3] << 8), 0};
      run_context.operation = ops_[op.kind].name;
      const std::uint8_t words = ops_[op.kind].value_words;
      if (words != 0) op.value = read(at_ + 4, words * 4U);
      at_ += 4 + words * 4;
      return true;
    }
    return next_at_end(op);
  }

 private:
  static std::uint64_t read(const std::uint8_t* from, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value |= std::uint64_t{from[i]} << (8 * i);
    return value;
  }
  [[nodiscard]] std::uint8_t kind_of(std::uint8_t byte) const {
    // The common case needs no division.
    return byte < ops_.size() ? byte : static_cast<std::uint8_t>(byte % ops_.size());
  }
  bool next_at_end(Op& op) {
    const auto byte = [this]() -> std::uint8_t { return at_ == end_ ? 0 : *at_++; };
    op.kind = kind_of(byte());
    run_context.operation = ops_[op.kind].name;
    op.a = byte();
    op.b = byte();
    op.b = static_cast<std::uint16_t>(op.b | byte() << 8);
    op.value = 0;
    for (unsigned i = 0; i < ops_[op.kind].value_words * 4U; ++i)
      op.value |= std::uint64_t{byte()} << (8 * i);
    return true;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  OpList ops_;
};

std::vector<Op> decode_script(std::span<const std::uint8_t> bytes, OpList ops);
std::vector<std::uint8_t> encode_script(std::span<const Op> script, OpList ops);
/// Encodes into existing memory: as many bytes as fit. Returns their number.
std::size_t encode_into(std::span<const Op> script, OpList ops, std::span<std::uint8_t> into);
std::string op_to_text(const Op& op, OpList ops);
std::string script_to_text(std::span<const Op> script, OpList ops);
/// A parsed text, or an error that names the line.
struct ParsedScript {
  std::vector<Op> script;
  std::string error;
};
ParsedScript script_from_text(std::string_view text, OpList ops);

}  // namespace hni::fuzz
