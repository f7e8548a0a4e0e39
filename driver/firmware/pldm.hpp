// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PLDM firmware update packages (DMTF DSP0267, header revision 1), as far as flashing this device
/// needs them [device 6.5]: which components apply to a device, and where their images are. The
/// parser is total on arbitrary bytes, copies nothing and allocates nothing; a package is a set of
/// views into the file, which must outlive it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "driver/firmware/firmware_transfers.hpp"

namespace hni {

// X(enumerator, what is wrong and the remedy)
#define HNI_PLDM_FAULTS(X)                                                          \
  X(kTruncated, "the file ends inside its header: fetch it again")                  \
  X(kNotPldm, "not a PLDM firmware package (wrong identifier)")                     \
  X(kRevision, "a PLDM header revision other than 1")                               \
  X(kHeaderSize, "the header's size field disagrees with its contents")             \
  X(kChecksum, "wrong header checksum: fetch the file again")                       \
  X(kBitmap, "the component bitmap is not a multiple of 8 bits, or longer than 64") \
  X(kRecords, "no device record, or more than 16")                                  \
  X(kRecord, "a device record's fields do not fit its length")                      \
  X(kComponents, "no component, or more than 64")                                   \
  X(kImage, "a component's image lies outside the file")                            \
  X(kNoMatch, "no record matches this device")                                      \
  X(kRollback, "the package is older than the device's anti-rollback version")      \
  X(kSection, "a component targets a section that cannot be flashed (only 0, 1 and 3 can)")

/// Why a package was refused.
enum class PldmFault : std::uint8_t {
#define HNI_X(id, text) id,
  HNI_PLDM_FAULTS(HNI_X)
#undef HNI_X
};

/// Returns the message of a fault.
/// @param fault the fault
/// @return a static string
constexpr std::string_view to_string(PldmFault fault) {
  constexpr auto kTexts = std::to_array<std::string_view>({
#define HNI_X(id, text) text,
      HNI_PLDM_FAULTS(HNI_X)
#undef HNI_X
  });
  return kTexts[static_cast<std::size_t>(fault)];
}

/// A value or a PldmFault.
/// @tparam T value type
template <class T>
using PldmResult = tl::expected<T, PldmFault>;

/// Reads a byte span from front to back. After running out of bytes ok() is false and everything
/// reads as zero or empty.
class ByteReader {
 public:
  /// Starts at the front.
  /// @param bytes must outlive the reader
  explicit constexpr ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// Reads bytes.
  /// @param n number
  /// @return the bytes; fewer if the span ended
  constexpr std::span<const std::byte> take(std::size_t n) {
    if (n > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
    }
    const auto front = bytes_.first(std::min(n, bytes_.size()));
    bytes_ = bytes_.subspan(front.size());
    return front;
  }
  /// @return the next byte
  constexpr std::uint8_t u8() { return static_cast<std::uint8_t>(little_endian(1)); }
  /// @return the next 16 bits, little-endian
  constexpr std::uint16_t u16() { return static_cast<std::uint16_t>(little_endian(2)); }
  /// @return the next 32 bits, little-endian
  constexpr std::uint32_t u32() { return little_endian(4); }
  /// @return false if the span ended too early
  [[nodiscard]] constexpr bool ok() const { return ok_; }
  /// @return bytes left
  [[nodiscard]] constexpr std::size_t left() const { return bytes_.size(); }

 private:
  constexpr std::uint32_t little_endian(std::size_t n) {
    std::uint32_t value = 0;
    unsigned shift = 0;
    for (const std::byte byte : take(n)) {
      value |= std::to_integer<std::uint32_t>(byte) << shift;
      shift += 8;
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

/// Computes CRC-32 (IEEE 802.3), as the header uses it.
/// @param bytes input
/// @return the checksum
constexpr std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = ~0U;
  for (const std::byte byte : bytes) {
    crc ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
  }
  return ~crc;
}

/// A component of a package.
struct PldmComponent {
  std::uint16_t identifier = 0;        ///< the flash section (FlashSection)
  std::uint32_t comparison_stamp = 0;  ///< comparison stamp of the package
  std::span<const std::byte> image;    ///< bytes to flash
};

/// PCI identity of a device.
struct PciIdentity {
  std::uint16_t vendor = 0;            ///< vendor id
  std::uint16_t device = 0;            ///< device id
  std::uint16_t subsystem_vendor = 0;  ///< subsystem vendor id
  std::uint16_t subsystem_device = 0;  ///< subsystem device id
};

/// The devices that a set of components is for. An absent number matches every device.
struct PldmRecord {
  std::uint64_t components = 0;                   ///< bit i: component i
  std::optional<std::uint16_t> vendor;            ///< vendor id
  std::optional<std::uint16_t> device;            ///< device id
  std::optional<std::uint16_t> subsystem_vendor;  ///< subsystem vendor id
  std::optional<std::uint16_t> subsystem_device;  ///< subsystem device id
  std::uint32_t anti_rollback = 0;                ///< 0 without its vendor descriptor [device 6.5]

  /// Matches a device.
  /// @param card its identity
  /// @return true if the record applies
  [[nodiscard]] constexpr bool matches(const PciIdentity& card) const {
    return vendor.value_or(card.vendor) == card.vendor &&
           device.value_or(card.device) == card.device &&
           subsystem_vendor.value_or(card.subsystem_vendor) == card.subsystem_vendor &&
           subsystem_device.value_or(card.subsystem_device) == card.subsystem_device;
  }
};

/// One section to flash.
struct FlashJob {
  FlashSection section{};            ///< section
  std::span<const std::byte> image;  ///< bytes
};

/// A parsed package.
class PldmPackage {
 public:
  static constexpr std::size_t kMaxRecords = 16;     ///< maximum per package
  static constexpr std::size_t kMaxComponents = 64;  ///< maximum per package
  /// First bytes of a package.
  static constexpr std::array<std::uint8_t, 16> kIdentifier = {0xf0, 0x18, 0x87, 0x8c, 0xcb, 0x7d,
                                                               0x49, 0x43, 0x98, 0x00, 0xa0, 0x2f,
                                                               0x05, 0x9a, 0xca, 0x02};

  /// Parses and validates a package.
  /// @param file must outlive the package
  /// @return the package, or what is wrong
  static PldmResult<PldmPackage> parse(std::span<const std::byte> file);

  /// @return the records
  [[nodiscard]] std::span<const PldmRecord> records() const {
    return std::span(records_).first(record_count_);
  }
  /// @return the components
  [[nodiscard]] std::span<const PldmComponent> components() const {
    return std::span(components_).first(component_count_);
  }

  /// Determines what to flash on a device, in the package's order. The first matching record
  /// decides; fails unless all its components can be flashed.
  /// @param card identity of the device
  /// @param anti_rollback oldest version that the device accepts
  /// @param jobs filled from the front
  /// @return number of jobs, or what is wrong
  PldmResult<std::size_t> plan(const PciIdentity& card, std::uint32_t anti_rollback,
                               std::span<FlashJob, kMaxComponents> jobs) const;

 private:
  PldmResult<void> parse_record(ByteReader& reader, std::size_t bitmap_bytes);
  PldmResult<void> parse_component(ByteReader& reader, std::span<const std::byte> file,
                                   std::size_t header_bytes);
  static void parse_descriptor(std::uint16_t type, std::span<const std::byte> data,
                               PldmRecord& record);

  std::array<PldmRecord, kMaxRecords> records_{};
  std::array<PldmComponent, kMaxComponents> components_{};
  std::size_t record_count_ = 0;
  std::size_t component_count_ = 0;
};

inline PldmResult<PldmPackage> PldmPackage::parse(std::span<const std::byte> file) {
  ByteReader reader(file);
  const auto identifier = reader.take(kIdentifier.size());
  if (!reader.ok()) return tl::unexpected(PldmFault::kTruncated);
  if (!std::ranges::equal(identifier, std::as_bytes(std::span(kIdentifier))))
    return tl::unexpected(PldmFault::kNotPldm);
  const std::uint8_t revision = reader.u8();
  const std::size_t header_bytes = reader.u16();
  if (!reader.ok()) return tl::unexpected(PldmFault::kTruncated);
  if (revision != 1) return tl::unexpected(PldmFault::kRevision);
  if (header_bytes > file.size()) return tl::unexpected(PldmFault::kTruncated);
  if (header_bytes < 36 + 4) return tl::unexpected(PldmFault::kHeaderSize);
  ByteReader sum(file.subspan(header_bytes - 4, 4));
  if (sum.u32() != crc32(file.first(header_bytes - 4)))
    return tl::unexpected(PldmFault::kChecksum);

  // The rest stays inside the header, whose checksum is known to be right.
  constexpr std::size_t kBeforeDate = 16 + 1 + 2;
  ByteReader header(file.subspan(kBeforeDate, header_bytes - 4 - kBeforeDate));
  (void)header.take(13);  // release date
  const std::size_t bitmap_bits = header.u16();
  (void)header.u8();  // version string: type, length, text
  (void)header.take(header.u8());
  if (bitmap_bits % 8 != 0 || bitmap_bits == 0 || bitmap_bits > kMaxComponents)
    return tl::unexpected(PldmFault::kBitmap);

  PldmPackage package;
  const std::size_t records = header.u8();
  if (records == 0 || records > kMaxRecords) return tl::unexpected(PldmFault::kRecords);
  for (std::size_t i = 0; i < records; ++i)
    if (const auto parsed = package.parse_record(header, bitmap_bits / 8); !parsed)
      return tl::unexpected(parsed.error());
  const std::size_t components = header.u16();
  if (components == 0 || components > kMaxComponents)
    return tl::unexpected(PldmFault::kComponents);
  for (std::size_t i = 0; i < components; ++i)
    if (const auto parsed = package.parse_component(header, file, header_bytes); !parsed)
      return tl::unexpected(parsed.error());
  if (!header.ok() || header.left() != 0) return tl::unexpected(PldmFault::kHeaderSize);
  return package;
}

inline PldmResult<void> PldmPackage::parse_record(ByteReader& reader, std::size_t bitmap_bytes) {
  constexpr std::size_t kFixedBytes = 2 + 1 + 4 + 1 + 1 + 2;
  const std::size_t length = reader.u16();
  if (length < kFixedBytes) return tl::unexpected(PldmFault::kRecord);
  ByteReader record(reader.take(length - 2));
  if (!reader.ok()) return tl::unexpected(PldmFault::kRecord);
  const std::size_t descriptors = record.u8();
  (void)record.u32();  // update option flags
  (void)record.u8();   // version string type
  const std::size_t version_bytes = record.u8();
  const std::size_t data_bytes = record.u16();
  PldmRecord& to = records_[record_count_++];
  unsigned shift = 0;
  for (const std::byte byte : record.take(bitmap_bytes)) {
    to.components |= std::to_integer<std::uint64_t>(byte) << shift;
    shift += 8;
  }
  (void)record.take(version_bytes);
  for (std::size_t i = 0; i < descriptors && record.ok(); ++i) {
    const std::uint16_t type = record.u16();
    const std::size_t bytes = record.u16();
    parse_descriptor(type, record.take(bytes), to);
  }
  (void)record.take(data_bytes);
  if (!record.ok() || record.left() != 0) return tl::unexpected(PldmFault::kRecord);
  return {};
}

/// Descriptor types of DSP0267; 0xffff is vendor-defined: a title (type, length, text), then data.
inline void PldmPackage::parse_descriptor(std::uint16_t type, std::span<const std::byte> data,
                                          PldmRecord& record) {
  ByteReader reader(data);
  if (type == 0xffff) {
    constexpr std::string_view kTitle = "AntiRollbackVer";
    const bool titled = reader.u8() == 1 && reader.u8() == kTitle.size();
    const bool named =
        std::ranges::equal(reader.take(kTitle.size()), std::as_bytes(std::span(kTitle)));
    const std::uint32_t version = reader.u32();
    if (titled && named && reader.ok() && record.anti_rollback == 0)
      record.anti_rollback = version;
    return;
  }
  if (data.size() != 2) return;
  const std::uint16_t value = reader.u16();
  if (type == 0x0000) record.vendor = value;
  if (type == 0x0100) record.device = value;
  if (type == 0x0101) record.subsystem_vendor = value;
  if (type == 0x0102) record.subsystem_device = value;
}

inline PldmResult<void> PldmPackage::parse_component(ByteReader& reader,
                                                     std::span<const std::byte> file,
                                                     std::size_t header_bytes) {
  PldmComponent& to = components_[component_count_++];
  (void)reader.u16();  // classification
  to.identifier = reader.u16();
  to.comparison_stamp = reader.u32();
  (void)reader.u16();  // options
  (void)reader.u16();  // activation method
  const std::size_t offset = reader.u32();
  const std::size_t bytes = reader.u32();
  (void)reader.u8();  // version string: type, length, text
  (void)reader.take(reader.u8());
  if (!reader.ok()) return tl::unexpected(PldmFault::kHeaderSize);
  if (bytes == 0 || offset < header_bytes || offset > file.size() || bytes > file.size() - offset)
    return tl::unexpected(PldmFault::kImage);
  to.image = file.subspan(offset, bytes);
  return {};
}

inline PldmResult<std::size_t> PldmPackage::plan(const PciIdentity& card,
                                                 std::uint32_t anti_rollback,
                                                 std::span<FlashJob, kMaxComponents> jobs) const {
  bool rolled_back = false;
  for (const PldmRecord& record : records()) {
    if (!record.matches(card)) continue;
    if (record.anti_rollback < anti_rollback) {
      rolled_back = true;
      continue;
    }
    std::size_t count = 0;
    for (std::size_t i = 0; i < component_count_; ++i) {
      if ((record.components >> i & 1) == 0) continue;
      const auto section = flash_section(components_[i].identifier);
      if (!section) return tl::unexpected(PldmFault::kSection);
      jobs[count++] = FlashJob{*section, components_[i].image};
    }
    if (count != 0) return count;
  }
  return tl::unexpected(rolled_back ? PldmFault::kRollback : PldmFault::kNoMatch);
}

}  // namespace hni
