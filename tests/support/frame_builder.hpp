// SPDX-License-Identifier: Apache-2.0
// Builds frames for tests header by header with correct lengths and checksums; a test then
// corrupts the fields that it is about. Checksums are computed in the simplest way, independently
// of the product code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace hni::test {

class FrameBuilder {
 public:
  using Bytes = std::vector<std::byte>;

  FrameBuilder& ethernet(std::uint16_t type,
                         std::array<std::uint8_t, 6> destination = {2, 0, 0, 0, 0, 1}) {
    for (const std::uint8_t b : destination) put8(b);
    put32(0x02000000).put16(2);
    return put16(type);
  }
  /// Inserts a tag: the type written last becomes the tag's inner type.
  FrameBuilder& vlan(std::uint16_t tpid, std::uint16_t tci) {
    const auto type = get16(bytes_.size() - 2);
    set16(bytes_.size() - 2, tpid);
    return put16(tci).put16(type);
  }
  FrameBuilder& ipv4(std::uint8_t protocol, std::uint32_t source, std::uint32_t destination,
                     std::size_t option_bytes = 0, std::uint16_t fragment = 0,
                     std::uint8_t tos = 0) {
    l3_ = bytes_.size();
    v6_ = false;
    protocol_ = protocol;
    put8(static_cast<std::uint8_t>(0x45 + option_bytes / 4)).put8(tos).put16(0).put16(0x1234);
    put16(fragment).put8(64).put8(protocol).put16(0).put32(source).put32(destination);
    for (std::size_t i = 0; i < option_bytes; ++i) put8(1);
    l4_ = bytes_.size();
    return *this;
  }
  FrameBuilder& ipv6(std::uint8_t next, const std::array<std::uint8_t, 16>& source,
                     const std::array<std::uint8_t, 16>& destination, std::uint8_t traffic = 0) {
    if (l3_ != 0) outer_ = l3_;
    l3_ = bytes_.size();
    v6_ = true;
    protocol_ = next;
    put32(0x60000000u | std::uint32_t{traffic} << 20 | 0x12345).put16(0).put8(next).put8(64);
    for (const std::uint8_t b : source) put8(b);
    for (const std::uint8_t b : destination) put8(b);
    l4_ = bytes_.size();
    return *this;
  }
  /// An extension header of `bytes` (a multiple of 8), whose next header is `next`.
  FrameBuilder& extension(std::uint8_t next, std::size_t bytes) {
    put8(next).put8(static_cast<std::uint8_t>(bytes / 8 - 1));
    for (std::size_t i = 2; i < bytes; ++i) put8(0);
    protocol_ = next;
    l4_ = bytes_.size();
    return *this;
  }
  FrameBuilder& tcp(std::uint16_t source, std::uint16_t destination, std::size_t option_bytes = 0,
                    std::uint32_t sequence = 1, std::uint32_t flags = 0x10) {
    l4_ = bytes_.size();
    put16(source).put16(destination).put32(sequence).put32(2);
    put16(static_cast<std::uint16_t>((5 + option_bytes / 4) << 12 | flags)).put16(0xffff);
    put16(0).put16(0);
    for (std::size_t i = 0; i < option_bytes; ++i) put8(1);
    checksum_at_ = l4_ + 16;
    return *this;
  }
  FrameBuilder& udp(std::uint16_t source, std::uint16_t destination) {
    l4_ = bytes_.size();
    put16(source).put16(destination).put16(0).put16(0);
    checksum_at_ = l4_ + 6;
    return *this;
  }
  FrameBuilder& payload(std::size_t bytes, std::uint8_t seed = 0x5a) {
    for (std::size_t i = 0; i < bytes; ++i) put8(static_cast<std::uint8_t>(seed + i * 13));
    return *this;
  }

  /// Fills in lengths and checksums, then appends `padding` bytes after the datagram.
  Bytes finish(std::size_t padding = 0) {
    if (l3_ != 0) finish_l3();
    if (checksum_at_ != 0) finish_l4();
    for (std::size_t i = 0; i < padding; ++i) put8(static_cast<std::uint8_t>(0xa1 + i));
    return bytes_;
  }

  FrameBuilder& put8(std::uint8_t value) {
    bytes_.push_back(std::byte{value});
    return *this;
  }
  FrameBuilder& put16(std::uint16_t value) {
    return put8(static_cast<std::uint8_t>(value >> 8))
        .put8(static_cast<std::uint8_t>(value & 0xff));
  }
  FrameBuilder& put32(std::uint32_t value) {
    return put16(static_cast<std::uint16_t>(value >> 16))
        .put16(static_cast<std::uint16_t>(value & 0xffff));
  }
  std::size_t size() const { return bytes_.size(); }

  /// The network-order sum of 16-bit words, folded to 16 bits.
  static std::uint32_t slow_sum(std::span<const std::byte> bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); i += 2) {
      std::uint32_t word = std::to_integer<std::uint32_t>(bytes[i]) << 8;
      if (i + 1 < bytes.size()) word |= std::to_integer<std::uint32_t>(bytes[i + 1]);
      sum += word;
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
  }

 private:
  std::uint16_t get16(std::size_t at) const {
    return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes_[at]) << 8 |
                                      std::to_integer<unsigned>(bytes_[at + 1]));
  }
  void set16(std::size_t at, std::size_t value) {
    bytes_[at] = static_cast<std::byte>(value >> 8 & 0xff);
    bytes_[at + 1] = static_cast<std::byte>(value & 0xff);
  }
  std::span<const std::byte> range(std::size_t from, std::size_t to) const {
    return std::span{bytes_}.subspan(from, to - from);
  }
  void finish_l3() {
    const std::size_t end = bytes_.size();
    if (outer_ != 0) set16(outer_ + 4, end - outer_ - 40);
    if (v6_) {
      set16(l3_ + 4, end - l3_ - 40);
    } else {
      set16(l3_ + 2, end - l3_);
      set16(l3_ + 10, 0);
      const std::size_t header = (std::to_integer<std::size_t>(bytes_[l3_]) & 15) * 4;
      set16(l3_ + 10, ~slow_sum(range(l3_, l3_ + header)) & 0xffff);
    }
  }
  void finish_l4() {
    const std::size_t end = bytes_.size();
    if (protocol_ == 17) set16(l4_ + 4, end - l4_);
    set16(checksum_at_, 0);
    const auto addresses = v6_ ? range(l3_ + 8, l3_ + 40) : range(l3_ + 12, l3_ + 20);
    const auto length = static_cast<std::uint32_t>(end - l4_);
    std::uint32_t sum = slow_sum(addresses, protocol_ + length);
    sum = slow_sum(range(l4_, end), (sum & 0xffff) + (sum >> 16));
    set16(checksum_at_, ~sum & 0xffff);
  }

  Bytes bytes_;
  std::size_t outer_ = 0, l3_ = 0, l4_ = 0, checksum_at_ = 0;
  std::uint8_t protocol_ = 0;
  bool v6_ = false;
};

inline constexpr std::array<std::uint8_t, 16> kV6A{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0,
                                                   0,    0, 0,   0,    0, 0, 0, 1};
inline constexpr std::array<std::uint8_t, 16> kV6B{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0,
                                                   0,    0, 0,   0,    0, 0, 0, 2};
inline constexpr std::uint32_t kV4A = 0x0a000001;
inline constexpr std::uint32_t kV4B = 0x0a000002;

}  // namespace hni::test
