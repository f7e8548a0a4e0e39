// SPDX-License-Identifier: Apache-2.0
#include "driver/firmware/pldm.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace hni {
namespace {

using File = std::vector<std::byte>;

/// Builds a package byte by byte; each test modifies the fields that it is about.
struct Maker {
  std::uint8_t revision = 1;
  std::uint16_t bitmap_bits = 8;
  std::uint64_t bitmap = 0b11;
  std::vector<std::pair<std::uint16_t, std::string>> descriptors = {
      {0x0000, std::string("\x9b\x1d", 2)}, {0x0100, std::string("\x13\x00", 2)}};
  std::vector<std::pair<std::uint16_t, std::uint32_t>> components = {{0, 5}, {1, 300}};
  int components_error = 0;
  int records = 1;
  int record_length_error = 0;
  int header_size_error = 0;
  int image_offset_error = 0;
  bool bad_sum = false;

  static void put(File& to, std::uint64_t value, unsigned n) {
    for (; n > 0; --n, value >>= 8) to.push_back(static_cast<std::byte>(value & 0xff));
  }
  static void put(File& to, const std::string& text) {
    for (const char c : text) to.push_back(static_cast<std::byte>(c));
  }
  File record() const {
    File r;
    put(r, descriptors.size(), 1);
    put(r, 0, 4);
    put(r, 1, 1);
    put(r, 3, 1);
    put(r, 2, 2);
    put(r, bitmap, bitmap_bits / 8U);
    put(r, "1.0");
    for (const auto& [type, data] : descriptors) {
      put(r, type, 2);
      put(r, data.size(), 2);
      put(r, data);
    }
    put(r, "pd");
    File out;
    put(out, static_cast<std::uint64_t>(static_cast<int>(r.size()) + 2 + record_length_error), 2);
    out.insert(out.end(), r.begin(), r.end());
    return out;
  }
  File operator()() const {
    File body;
    put(body, std::string(13, '\0'));
    put(body, bitmap_bits, 2);
    put(body, 1, 1);
    put(body, 4, 1);
    put(body, "v1.2");
    put(body, static_cast<std::uint64_t>(records), 1);
    for (int i = 0; i < records; ++i) {
      const File r = record();
      body.insert(body.end(), r.begin(), r.end());
    }
    put(body, static_cast<std::uint64_t>(static_cast<int>(components.size()) + components_error),
        2);
    const std::size_t header = 19 + body.size() + components.size() * 23 + 4;
    std::size_t offset = header;
    for (const auto& [id, bytes] : components) {
      put(body, 10, 2);
      put(body, id, 2);
      put(body, 0x11223344, 4);
      put(body, 0, 4);
      put(body, static_cast<std::uint64_t>(static_cast<std::int64_t>(offset) + image_offset_error),
          4);
      put(body, bytes, 4);
      put(body, 1, 1);
      put(body, 1, 1);
      put(body, "x");
      offset += bytes;
    }
    File file;
    for (const std::uint8_t b : PldmPackage::kIdentifier) put(file, b, 1);
    put(file, revision, 1);
    put(file, static_cast<std::uint64_t>(static_cast<int>(header) + header_size_error), 2);
    file.insert(file.end(), body.begin(), body.end());
    put(file, crc32(file) ^ (bad_sum ? 1U : 0U), 4);
    for (const auto& [id, bytes] : components) file.resize(file.size() + bytes, std::byte{0xc0});
    return file;
  }
};

constexpr PciIdentity kCard{0x1d9b, 0x0013, 0x1d9b, 0x1234};

PldmFault fault_of(const File& file) {
  const auto package = PldmPackage::parse(file);
  EXPECT_FALSE(package);
  return package ? PldmFault::kNoMatch : package.error();
}

PldmResult<std::size_t> plan(const File& file, std::uint32_t anti_rollback = 0,
                             const PciIdentity& card = kCard) {
  std::array<FlashJob, PldmPackage::kMaxComponents> jobs;
  const auto package = PldmPackage::parse(file);
  EXPECT_TRUE(package);
  return package ? package->plan(card, anti_rollback, jobs) : tl::unexpected(package.error());
}

std::string anti_rollback(std::uint32_t version) {
  std::string text("\x01\x0f", 2);
  text += "AntiRollbackVer";
  for (int i = 0; i < 4; ++i) text += static_cast<char>(version >> (8 * i) & 0xff);
  return text;
}

TEST(Pldm, Crc32OfTheCheckStringIsTheWellKnownOne) {
  EXPECT_EQ(crc32(std::as_bytes(std::span(std::string_view("123456789")))), 0xcbf43926u);
}

TEST(Pldm, PackageForThisCardGivesItsImages) {
  const File file = Maker{}();
  const auto package = PldmPackage::parse(file);
  ASSERT_TRUE(package);
  ASSERT_EQ(package->components().size(), 2u);
  std::array<FlashJob, PldmPackage::kMaxComponents> jobs;
  const auto count = package->plan(kCard, 0, jobs);
  ASSERT_TRUE(count);
  ASSERT_EQ(*count, 2u);
  EXPECT_EQ(jobs[0].section, FlashSection::kBoot1);
  EXPECT_EQ(jobs[0].image.size(), 5u);
  EXPECT_EQ(jobs[1].section, FlashSection::kBoot2);
  EXPECT_EQ(jobs[1].image.size(), 300u);
  EXPECT_EQ(jobs[1].image.data() + 300, file.data() + file.size());
}

TEST(Pldm, EachKindOfDamageHasItsName) {
  Maker m;
  EXPECT_EQ(fault_of({}), PldmFault::kTruncated);
  File file = m();
  file[3] ^= std::byte{1};
  EXPECT_EQ(fault_of(file), PldmFault::kNotPldm);
  m.revision = 2;
  EXPECT_EQ(fault_of(m()), PldmFault::kRevision);
  m = {};
  m.bad_sum = true;
  EXPECT_EQ(fault_of(m()), PldmFault::kChecksum);
  m = {};
  m.bitmap_bits = 9;
  EXPECT_EQ(fault_of(m()), PldmFault::kBitmap);
  m.bitmap_bits = 0;
  EXPECT_EQ(fault_of(m()), PldmFault::kBitmap);
  m.bitmap_bits = 72;
  EXPECT_EQ(fault_of(m()), PldmFault::kBitmap);
  m = {};
  m.records = 0;
  EXPECT_EQ(fault_of(m()), PldmFault::kRecords);
  m.records = 17;
  EXPECT_EQ(fault_of(m()), PldmFault::kRecords);
  m = {};
  m.components.clear();
  EXPECT_EQ(fault_of(m()), PldmFault::kComponents);
  m.components.assign(65, {0, 1});
  EXPECT_EQ(fault_of(m()), PldmFault::kComponents);
  m = {};
  for (const int error : {-1, 1, 2}) {
    m.record_length_error = error;
    EXPECT_EQ(fault_of(m()), PldmFault::kRecord) << error;
  }
  m = {};
  m.components[1].second = 0;
  EXPECT_EQ(fault_of(m()), PldmFault::kImage);
}

TEST(Pldm, TheLargestNumbersOfEachKindAreAccepted) {
  Maker m;
  m.bitmap_bits = 64;
  m.bitmap = ~std::uint64_t{0};
  m.records = 16;
  m.components.assign(64, {0, 1});
  EXPECT_EQ(plan(m()).value(), 64u);
  m.bitmap = std::uint64_t{1} << 63 | 1U << 9;
  m.components[9].second = 3;
  m.components[63].second = 2;
  std::array<FlashJob, PldmPackage::kMaxComponents> jobs;
  const File file = m();
  const auto package = PldmPackage::parse(file);
  ASSERT_TRUE(package);
  ASSERT_EQ(package->plan(kCard, 0, jobs).value(), 2u);
  EXPECT_EQ(jobs[0].image.size(), 3u);
  EXPECT_EQ(jobs[1].image.size(), 2u);
}

TEST(Pldm, AHeaderOfAnotherLengthThanItsFieldsIsRefused) {
  Maker m;
  m.components_error = -1;
  EXPECT_EQ(fault_of(m()), PldmFault::kHeaderSize) << "a component is left over";
  m.components_error = 1;
  EXPECT_EQ(fault_of(m()), PldmFault::kHeaderSize) << "a component is missing";
  for (const auto& [bytes, fault] :
       {std::pair{39, PldmFault::kHeaderSize}, {40, PldmFault::kChecksum}}) {
    File file = Maker{}();
    file[17] = static_cast<std::byte>(bytes);
    file[18] = std::byte{0};
    EXPECT_EQ(fault_of(file), fault) << bytes;
  }
}

TEST(Pldm, BitsWithoutAComponentSelectNothing) {
  Maker m;
  m.bitmap = 0b111;
  EXPECT_EQ(plan(m()).value(), 2u);
  m.bitmap = 0b100;
  EXPECT_EQ(plan(m()).error(), PldmFault::kNoMatch);
}

TEST(Pldm, EachIdentifierOfARecordMustMatch) {
  for (const std::uint16_t type : std::to_array<std::uint16_t>({0x0000, 0x0100, 0x0101, 0x0102})) {
    Maker m;
    m.descriptors.emplace_back(type, std::string("\x99\x99", 2));
    EXPECT_EQ(plan(m()).error(), PldmFault::kNoMatch) << type;
    m.descriptors.back().second.push_back('\0');
    EXPECT_TRUE(plan(m())) << type << ": not an identifier of two bytes";
  }
}

TEST(Pldm, ImagesOutsideTheFileOrInsideTheHeaderAreRefused) {
  Maker m;
  for (const int error : {-1, 1, 1'000'000}) {
    m.image_offset_error = error;
    EXPECT_EQ(fault_of(m()), PldmFault::kImage) << error;
  }
}

TEST(Pldm, RecordForAnotherCardDoesNotMatch) {
  Maker m;
  m.descriptors.emplace_back(0x0102, std::string("\x34\x12", 2));
  EXPECT_TRUE(plan(m()));
  m.descriptors.back().second = std::string("\x35\x12", 2);
  EXPECT_EQ(plan(m()).error(), PldmFault::kNoMatch);
  EXPECT_EQ(plan(Maker{}(), 0, {0x8086, 0x0013, 0, 0}).error(), PldmFault::kNoMatch);
}

TEST(Pldm, AntiRollbackBelowTheCardsIsRefused) {
  Maker m;
  m.descriptors.emplace_back(0xffff, anti_rollback(7));
  EXPECT_TRUE(plan(m(), 7));
  EXPECT_EQ(plan(m(), 8).error(), PldmFault::kRollback);
  EXPECT_EQ(plan(Maker{}(), 1).error(), PldmFault::kRollback) << "missing means 0";
  m.descriptors.back().second.pop_back();
  EXPECT_EQ(plan(m(), 1).error(), PldmFault::kRollback) << "too short counts as missing";
}

TEST(Pldm, TheFirstAntiRollbackVersionOfARecordCounts) {
  Maker m;
  m.descriptors.emplace_back(0xffff, anti_rollback(7));
  m.descriptors.emplace_back(0xffff, anti_rollback(3));
  EXPECT_TRUE(plan(m(), 7));
  std::swap(m.descriptors[2], m.descriptors[3]);
  EXPECT_TRUE(plan(m(), 3));
  EXPECT_EQ(plan(m(), 4).error(), PldmFault::kRollback);
}

TEST(Pldm, UnflashableComponentStopsTheWholePlan) {
  Maker m;
  for (const std::uint16_t id : std::initializer_list<std::uint16_t>{2, 4, 5, 0xffff}) {
    m.components = {{0, 5}, {id, 5}};
    EXPECT_EQ(plan(m()).error(), PldmFault::kSection) << id;
  }
  m.bitmap = 0b01;
  EXPECT_EQ(plan(m()).value(), 1u) << "it is not for this card";
}

TEST(Pldm, EveryTruncationIsRefused) {
  const File whole = Maker{}();
  const std::size_t header = whole.size() - 305;
  ASSERT_TRUE(PldmPackage::parse(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const File part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_EQ(fault_of(part), n < header ? PldmFault::kTruncated : PldmFault::kImage) << n;
  }
}

TEST(Pldm, IsTotalOnDamagedHeadersWithARightChecksum) {
  std::mt19937 random(3);
  const File whole = Maker{}();
  const std::size_t header = whole.size() - 305;
  unsigned accepted = 0;
  for (int run = 0; run < 50'000; ++run) {
    File file = whole;
    for (unsigned n = random() % 4; n > 0; --n)
      file[19 + random() % (header - 4 - 19)] = static_cast<std::byte>(random() & 0xff);
    const std::uint32_t sum = crc32(std::span(file).first(header - 4));
    for (unsigned i = 0; i < 4; ++i)
      file[header - 4 + i] = static_cast<std::byte>(sum >> (8 * i) & 0xff);
    const auto package = PldmPackage::parse(file);
    if (!package) continue;
    ++accepted;
    for (const PldmComponent& component : package->components()) {
      ASSERT_GE(component.image.data(), file.data() + header);
      ASSERT_LE(component.image.data() + component.image.size(), file.data() + file.size());
    }
  }
  EXPECT_GT(accepted, 1000u);
}

}  // namespace
}  // namespace hni
