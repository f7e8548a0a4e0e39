// SPDX-License-Identifier: Apache-2.0
// PLDM firmware packages of arbitrary bytes, compared with a simple parser of the same format
// (DSP0267). The first byte is an option: odd leaves the rest unchanged; even fills in the
// identifier, the revision and the checksum, which random bytes never contain.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "driver/firmware/pldm.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {
namespace {

using File = std::span<const std::byte>;

std::uint32_t number(File file, std::size_t at, unsigned bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < bytes; ++i)
    value |= std::to_integer<std::uint32_t>(file[at + i]) << (8 * i);
  return value;
}

/// Corrects identifier, size and checksum of the header.
void repair(std::span<std::byte> file) {
  if (file.size() < 40) return;
  std::memcpy(file.data(), PldmPackage::kIdentifier.data(), PldmPackage::kIdentifier.size());
  file[16] = std::byte{1};
  std::size_t header = std::clamp<std::size_t>(number(file, 17, 2), 40, file.size());
  header = std::min<std::size_t>(header, 0xffff);
  file[17] = static_cast<std::byte>(header & 0xff);
  file[18] = static_cast<std::byte>(header >> 8);
  const std::uint32_t sum = crc32(file.first(header - 4));
  for (unsigned i = 0; i < 4; ++i)
    file[header - 4 + i] = static_cast<std::byte>(sum >> (8 * i) & 0xff);
}

/// Parses the records of an accepted package again: the first anti-rollback version and the last
/// number of each kind apply.
void check_records(File file, const PldmPackage& package) {
  const std::size_t bitmap = number(file, 32, 2) / 8;
  std::size_t at = 36 + std::to_integer<std::size_t>(file[35]);
  const std::size_t count = std::to_integer<std::size_t>(file[at++]);
  require(count == package.records().size(), "verdict", "another number of records", count,
          package.records().size());
  for (const PldmRecord& record : package.records()) {
    const std::size_t end = at + number(file, at, 2);
    std::size_t descriptors = std::to_integer<std::size_t>(file[at + 2]);
    std::size_t next = at + 11 + bitmap + std::to_integer<std::size_t>(file[at + 8]);
    std::optional<std::uint32_t> rollback;
    std::optional<std::uint32_t> vendor;
    for (; descriptors != 0; --descriptors) {
      const std::uint32_t type = number(file, next, 2);
      const std::uint32_t bytes = number(file, next + 2, 2);
      const File data = file.subspan(next + 4, bytes);
      if (type == 0 && bytes == 2) vendor = number(data, 0, 2);
      constexpr std::string_view kTitle = "AntiRollbackVer";
      if (type == 0xffff && bytes >= 2 + kTitle.size() + 4 && data[0] == std::byte{1} &&
          data[1] == std::byte{kTitle.size()} &&
          std::memcmp(data.data() + 2, kTitle.data(), kTitle.size()) == 0 &&
          rollback.value_or(0) == 0)
        rollback = number(data, 2 + kTitle.size(), 4);
      next += 4 + bytes;
    }
    require(record.anti_rollback == rollback.value_or(0), "verdict",
            "another anti-rollback version", record.anti_rollback, rollback.value_or(0));
    require(record.vendor.has_value() == vendor.has_value() &&
                record.vendor.value_or(0) == vendor.value_or(0),
            "verdict", "another vendor", record.vendor.value_or(0), vendor.value_or(0));
    at = end;
  }
}

/// The flashed images belong to the first record that matches and is recent enough.
void check_plan(const PldmPackage& package, const PciIdentity& card, std::uint32_t oldest) {
  std::array<FlashJob, PldmPackage::kMaxComponents> jobs;
  const auto count = package.plan(card, oldest, jobs);
  if (!count) {
    require(!to_string(count.error()).empty(), "text", "a fault without a message");
    return;
  }
  require(*count >= 1 && *count <= package.components().size(), "range", "another number of jobs",
          *count, package.components().size());
  const auto record = std::ranges::find_if(package.records(), [&](const PldmRecord& r) {
    const std::uint64_t known = package.components().size() == 64
                                    ? ~std::uint64_t{0}
                                    : (std::uint64_t{1} << package.components().size()) - 1;
    return r.matches(card) && r.anti_rollback >= oldest && (r.components & known) != 0;
  });
  require(record != package.records().end(), "verdict", "flashed without a record");
  std::size_t job = 0;
  for (std::size_t i = 0; i < package.components().size(); ++i) {
    if ((record->components >> i & 1) == 0) continue;
    require(job < *count && jobs[job].image.data() == package.components()[i].image.data(),
            "verdict", "another image is flashed", i, job);
    ++job;
  }
  require(job == *count, "verdict", "more is flashed than the record names", *count, job);
}

void run(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  // An exact copy on the heap, so that a read beyond it is detected.
  const std::size_t bytes = size - 1;
  const auto copy = std::make_unique<std::byte[]>(std::max<std::size_t>(bytes, 1));
  if (bytes != 0) std::memcpy(copy.get(), data + 1, bytes);
  const std::span<std::byte> file(copy.get(), bytes);
  if (data[0] % 2 == 0) repair(file);
  const auto package = PldmPackage::parse(file);
  ++work().events;
  if (!package) {
    require(!to_string(package.error()).empty(), "text", "a fault without a message");
    return;
  }
  require(package->records().size() <= PldmPackage::kMaxRecords && !package->records().empty(),
          "range", "another number of records than allowed", package->records().size());
  const std::size_t header = number(file, 17, 2);
  for (const PldmComponent& component : package->components())
    require(!component.image.empty() && component.image.data() >= file.data() + header &&
                component.image.data() + component.image.size() <= file.data() + file.size(),
            "geometry", "an image outside of the file", component.image.size());
  check_records(file, *package);
  const std::uint32_t oldest = data[0] / 2;
  check_plan(*package, {0x1d9b, 0x0013, 0x1d9b, 0}, oldest);
  check_plan(*package, {0, 0, 0, 0}, 0);
}

}  // namespace

const Target& pldm_target() {
  static constexpr Target kTarget{
      "pldm", "PLDM firmware packages, against a plain reading", {}, run, 8192};
  return kTarget;
}

}  // namespace hni::fuzz
