// SPDX-License-Identifier: Apache-2.0
// TlvBuilder compared with a second description of a message: every sequence of up to four
// operations in rooms of every size, and messages at the limit of a page.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "driver/firmware/tlv.hpp"
#include "proofs/prover/choices.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
namespace {

using Bytes = std::vector<std::byte>;

/// A message as the layout describes it [device 6]: header, attributes, each padded to four bytes.
class MessageModel {
 public:
  MessageModel(std::uint32_t type, std::size_t room) : room_(std::min<std::size_t>(room, 4096)) {
    word(type | 0x8000U);
  }

  void attribute(std::uint32_t id, const Bytes& value) {
    word(id | static_cast<std::uint32_t>(4 + value.size()) << 16);
    out_.insert(out_.end(), value.begin(), value.end());
    while (out_.size() % 4 != 0) out_.push_back(std::byte{0});
    look();
  }
  void open(std::uint32_t id) {
    fits_ = fits_ && outer_.size() < 2;
    if (!fits_) return;
    outer_.push_back(out_.size());
    word(id);
  }
  void close() {
    if (!fits_ || outer_.empty()) return;
    const std::size_t begin = outer_.back(), bytes = out_.size() - begin;
    outer_.pop_back();
    if (bytes == 4) out_.resize(begin);
    if (bytes == 4) return;
    out_[begin + 2] = std::byte(bytes & 0xff);
    out_[begin + 3] = std::byte(bytes >> 8);
  }
  /// Returns the message; empty if it did not fit.
  Bytes finished() const {
    if (!fits_) return {};
    Bytes all = out_;
    all[2] = std::byte(all.size() / 4 & 0xff);
    all[3] = std::byte(all.size() / 4 >> 8);
    return all;
  }

 private:
  void word(std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) out_.push_back(std::byte(value >> (8 * i) & 0xff));
    look();
  }
  void look() { fits_ = fits_ && out_.size() <= room_; }

  std::size_t room_;
  Bytes out_;
  std::vector<std::size_t> outer_;
  bool fits_ = true;
};

Bytes little_endian(std::uint64_t value, unsigned bytes) {
  Bytes out;
  for (unsigned i = 0; i < bytes; ++i) out.push_back(std::byte(value >> (8 * i) & 0xff));
  return out;
}

/// Builder and model, in a room with stale contents and some bytes around it.
class Build {
 public:
  static constexpr std::uint32_t kType = 0x523;

  explicit Build(std::size_t room)
      : memory_(room + 8, kStale),
        model_(kType, room),
        builder_(std::span(memory_).subspan(4, room), static_cast<spec::FwMessage>(kType)) {}

  void append(unsigned kind) {
    static constexpr char kText[] = "texts";
    static constexpr std::array<std::byte, 6> kBinary{std::byte{9}, std::byte{8}, std::byte{7},
                                                      std::byte{6}, std::byte{5}, std::byte{4}};
    const std::uint64_t number = 0x8182'8384'8586'8788ULL;
    if (kind == 0) return builder_.flag(1), model_.attribute(1, {});
    if (kind == 1)
      return builder_.u32(2, static_cast<std::uint32_t>(number)),
             model_.attribute(2, little_endian(number, 4));
    if (kind == 2) return builder_.u64(3, number), model_.attribute(3, little_endian(number, 8));
    if (kind == 3) return builder_.s32(4, -5), model_.attribute(4, little_endian(0xffff'fffbU, 4));
    if (kind == 4)
      return builder_.s64(5, -6), model_.attribute(5, little_endian(~std::uint64_t{5}, 8));
    if (kind == 5) return builder_.open(30), model_.open(30);
    if (kind == 6) return builder_.close(), model_.close();
    const unsigned length = (kind - 7) / 2;
    if (kind % 2 == 1) {
      builder_.string(6, std::string_view(kText, length));
      Bytes value;
      for (unsigned i = 0; i < length; ++i) value.push_back(static_cast<std::byte>(kText[i]));
      value.push_back(std::byte{0});
      return model_.attribute(6, value);
    }
    binary(std::span(kBinary).first(length));
  }
  static constexpr unsigned kKinds = 7 + 2 * 6;

  void binary(std::span<const std::byte> value) {
    builder_.binary(31, value);
    model_.attribute(31, {value.begin(), value.end()});
  }

  /// Returns whether the builder finishes with the model's bytes in its room, and left all others
  /// alone.
  bool same() {
    const auto built = builder_.finish();
    const Bytes expected = model_.finished();
    const auto begin = memory_.begin(), end = memory_.end();
    return std::ranges::equal(built, expected) &&
           (built.empty() || built.data() == memory_.data() + 4) &&
           std::all_of(begin, begin + 4, [](std::byte b) { return b == kStale; }) &&
           std::all_of(end - 4, end, [](std::byte b) { return b == kStale; });
  }
  Bytes expected() const { return model_.finished(); }

 private:
  static constexpr std::byte kStale{0xa5};
  Bytes memory_;
  MessageModel model_;
  TlvBuilder builder_;
};

/// The parser's view of a finished message.
bool is_read_back(const Bytes& message) {
  const PrivateBytes bytes(message);
  const auto header = tlv_message(bytes);
  bool same = header && header->type == Build::kType && header->end == message.size() &&
              bytes.size() == message.size() && PrivateBytes().size() == 0;
  for (std::uint32_t i = 0; i < message.size(); ++i) {
    const auto part = bytes.part(i, bytes.size() - i);
    same = same && bytes[i] == std::to_integer<std::uint32_t>(message[i]) &&
           part.data() == message.data() + i && part.size() == message.size() - i &&
           bytes.part(i, 1).size() == 1;
  }
  return same;
}

}  // namespace

HNI_PROVE(
    tlv_builder,
    "A message equals that of an independent encoder, or is empty if the buffer is small: every "
    "sequence of up to four attributes, opened and closed ones among them, in rooms of 4 to "
    "44 bytes, and messages of up to a page; nothing outside the room is written (I1, F).") {
  must_cover("fits", "does not fit", "fills a page", "exceeds a page");
  std::uint64_t runs = 0;
  bool same = true, read_back = true;
  for (std::size_t room = 4; room <= 44; ++room) {
    // Long sequences are tried with every third buffer length only, which bounds the run time.
    const unsigned most = room % 3 == 2 ? 4 : 2;
    Choices choices;
    do {
      Build build(room);
      for (unsigned i = 0; i < most; ++i) {
        const unsigned kind = choices.pick(Build::kKinds + 1);
        if (kind == Build::kKinds) break;
        build.append(kind);
      }
      const Bytes expected = build.expected();
      same = same && build.same();
      if (most == 2 && !expected.empty()) read_back = read_back && is_read_back(expected);
      cover(expected.empty() ? "does not fit" : "fits");
      ++runs;
    } while (same && choices.advance());
  }
  for (const std::size_t bytes : {4084U, 4087U, 4088U, 4089U, 5000U}) {
    for (const std::size_t room : {4095U, 4096U, 4097U, 6000U}) {
      Build build(room);
      Bytes value;
      for (std::size_t i = 0; i < bytes; ++i) value.push_back(std::byte(i * 7 & 0xff));
      build.binary(value);
      const Bytes expected = build.expected();
      same = same && build.same();
      if (!expected.empty()) read_back = read_back && is_read_back(expected);
      cover(expected.empty() ? "exceeds a page" : "fills a page");
      ++runs;
    }
  }
  searched(runs, "messages");
  conclude("F", "each message is the one of the second description", same);
  conclude("F", "the parser finds its header and its bytes", read_back);
}

}  // namespace hni::proofs
