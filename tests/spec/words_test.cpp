// SPDX-License-Identifier: Apache-2.0
// The generated types: addresses, fields, masks and tables, over plain integers and over a word
// type that has only the operators that the headers promise to need.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <type_traits>

#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/device_table.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/firmware.hpp"
#include "openhni/spec/proofs.hpp"
#include "openhni/spec/registers.hpp"
#include "openhni/spec/registers_dump_only.hpp"

namespace hni::spec {
namespace {

// A word type with exactly the operators >> << & and | (with constants of the word's width), as
// word.hpp requires.
template <class T>
class Narrow {
 public:
  constexpr Narrow() = default;
  explicit constexpr Narrow(T value) : value_(value) {}
  constexpr T value() const { return value_; }
  friend constexpr Narrow operator>>(Narrow a, unsigned n) { return Narrow(T(a.value_ >> n)); }
  friend constexpr Narrow operator<<(Narrow a, unsigned n) { return Narrow(T(a.value_ << n)); }
  friend constexpr Narrow operator&(Narrow a, T mask) { return Narrow(T(a.value_ & mask)); }
  friend constexpr Narrow operator|(Narrow a, Narrow b) { return Narrow(T(a.value_ | b.value_)); }

 private:
  T value_ = 0;
};

static_assert(INTR_STATUS::at(3) == RegAddr{Bar::kBar0, 0xc});
static_assert(INTR_CQ_REARM::at(255).byte_offset == 0x1000 + 255 * 16);
static_assert(RPC_TCAM_ACT::at(11, 63).byte_offset == 4 * (0x08880 + 0x40 * 11 + 63));
static_assert(RPC_RSS_TBL::at(1, 255).byte_offset == 4 * (0x08d20 + 0x100 + 255));
static_assert(QUEUE_TWQ0_CTL::at(127).byte_offset == 0x100000 + 127 * 0x1000);
static_assert(MBX_DESC_HI::at(1, 15) == RegAddr{Bar::kBar4, 0x180fc});
static_assert(NS_OTP_STATUS::kBar == Bar::kBar4 && NS_OTP_STATUS::kByteOffset == 0x874);
static_assert(INTR_CQ_REARM{}
                  .set_RCQ_TIMEOUT(30)
                  .set_RCQ_TIMEOUT_UPD_EN(1)
                  .set_TCQ_TIMEOUT(35)
                  .set_TCQ_TIMEOUT_UPD_EN(1)
                  .set_INTR_UNMASK(1)
                  .raw == 0xa011c01e);
static_assert(std::is_same_v<INTR_STATUS::of<std::uint64_t>, Basic_INTR_STATUS<std::uint64_t>>);
static_assert(std::is_trivially_copyable_v<TWD_META> && sizeof(TWD_META) == 8);

TEST(SpecWords, ASetterTruncatesItsValueToTheField) {
  EXPECT_EQ(INTR_MSIX_CTRL{}.set_VECTOR(0x1ff).raw, 0xffu);
  EXPECT_EQ(TWD_META{}.set_L2_HLEN(0x7f).raw, 0x3fu);
}

TEST(SpecWords, ASetterLeavesTheOtherBitsAlone) {
  EXPECT_EQ(INTR_MSIX_CTRL{~0u}.set_VECTOR(0).raw, 0xffffff00u);
  EXPECT_EQ(RCD_META{~0ull}.set_RSS_HASH(0).raw, 0xffffffff00000000u);
}

TEST(SpecWords, ReservedBitsAreMaskedOffAWrite) {
  EXPECT_EQ(INTR_MSIX_CTRL{~0u}.to_write(), 0x800000ffu);
}

TEST(SpecWords, AWordTypeNeedsNoMoreThanTheFourOperators) {
  constexpr auto kWord = Basic_TWD_META<Narrow<std::uint64_t>>{}
                             .set_MSS(Narrow<std::uint64_t>(1448))
                             .set_REQ_LSO(Narrow<std::uint64_t>(1));
  EXPECT_EQ(kWord.raw.value(), (1448ull << 48) | (1ull << 35));
  EXPECT_EQ(kWord.MSS().value(), 1448u);
  constexpr auto kReg =
      Basic_INTR_MSIX_CTRL<Narrow<std::uint32_t>>{}.set_ENABLE(Narrow<std::uint32_t>(1));
  EXPECT_EQ(kReg.to_write().value(), 0x80000000u);
}

// Checks one layout: setting a field to all ones changes exactly its bits, and reads back.
template <class W>
struct FieldCheck {
  template <class L>
  void operator()(const char* name) const {
    visit_fields_of(L{}, [&](const char* field, unsigned msb, unsigned lsb, auto get, auto set) {
      const W ones = static_cast<W>(~W{0}) >> (8 * sizeof(W) - 1 - (msb - lsb));
      L word{};
      set(word, static_cast<W>(~W{0}));
      EXPECT_EQ(word.raw, static_cast<W>(ones << lsb)) << name << "." << field;
      EXPECT_EQ(get(word), ones) << name << "." << field;
      word.raw = static_cast<W>(~W{0});
      set(word, W{0});
      EXPECT_EQ(word.raw, static_cast<W>(~static_cast<W>(ones << lsb))) << name << "." << field;
    });
  }
};

TEST(SpecWords, EveryFieldOfEveryLayoutReadsBackAndTouchesOnlyItsBits) {
  visit_layouts_64<std::uint64_t>(FieldCheck<std::uint64_t>{});
  visit_layouts_32<std::uint32_t>(FieldCheck<std::uint32_t>{});
}

TEST(SpecEnums, ValuesHaveTheirNames) {
  EXPECT_STREQ(to_string(TWD_TYPE::LAST_AL), "LAST_AL");
  EXPECT_STREQ(to_string(DROP_MODE::NEVER), "NEVER");
  EXPECT_STREQ(to_string(static_cast<DROP_MODE>(7)), "?");
}

TEST(SpecFirmware, MessagesAreFoundByNumberAndName) {
  const FwMessageInfo* info = find_fw_message(0x11);
  ASSERT_NE(info, nullptr);
  EXPECT_EQ(info->id, FwMessage::FW_CAP_RESP);
  EXPECT_TRUE(info->fw_to_host);
  EXPECT_FALSE(info->host_to_fw);
  EXPECT_STREQ(fw_message_name(0x14), "HEARTBEAT_REQ");
  EXPECT_STREQ(fw_message_name(0xfff), "?");
}

TEST(SpecFirmware, AttributesCarryTypeAndLimits) {
  const FwAttribute* macs =
      find_fw_attribute(*find_fw_message(0x11), fw::FW_CAP_RESP::BMC_MAC_ARRAY);
  ASSERT_NE(macs, nullptr);
  EXPECT_EQ(macs->type, TlvType::kArray);
  EXPECT_EQ(macs->element_id, fw::FW_CAP_RESP::BMC_MAC_ADDR);
  EXPECT_EQ(macs->max_elements, 4);
  EXPECT_TRUE(find_fw_attribute(*find_fw_message(0x11), fw::FW_CAP_RESP::VERSION)->mandatory);
}

TEST(SpecFirmware, ARequestNamesItsResponse) {
  const FwMessageInfo* request = find_fw_message(0x10);
  ASSERT_TRUE(request->has_response);
  EXPECT_EQ(request->response, FwMessage::FW_CAP_RESP);
}

const RegInfo* find_register(const std::string& name) {
  for (const RegInfo& info : registers()) {
    if (name == info.name) return &info;
  }
  return nullptr;
}

TEST(SpecTable, IsInAddressOrderPerBarWithoutTwoEqualNames) {
  std::set<std::string> names;
  const RegInfo* last = nullptr;
  for (const RegInfo& info : registers()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    if (last != nullptr && last->bar == info.bar) {
      EXPECT_LE(last->byte_offset, info.byte_offset) << info.name;
    }
    last = &info;
  }
}

TEST(SpecTable, MasksFollowTheAccessOfTheFields) {
  const RegInfo* mask_set = find_register("INTR_MASK_SET");
  ASSERT_NE(mask_set, nullptr);
  EXPECT_EQ(mask_set->sw_write, 0xffffffffu);
  EXPECT_EQ(mask_set->dims[0].count, 8u);
  const RegInfo* status = find_register("RXB_ERR_INTR_STS");
  ASSERT_NE(status, nullptr);
  EXPECT_NE(status->w1c & 0x1000u, 0u);
  const RegInfo* corrected = find_register("RSFEC_CCW_LO");
  ASSERT_NE(corrected, nullptr);
  EXPECT_EQ(corrected->clear_on_read & 0xffffu, 0xffffu);
}

TEST(SpecTable, AnActionRuleNamesTheWrittenAndTheDecidingRegister) {
  bool found = false;
  for (const ActionRule& rule : action_rules()) {
    EXPECT_LT(rule.reg, registers().size());
    EXPECT_LT(rule.cond_reg, registers().size());
    EXPECT_EQ(rule.cond_value & ~rule.cond_mask, 0u) << rule.name;
    if (std::string(rule.name) != "QUEUE_TWQ0_TAIL") continue;
    found = true;
    EXPECT_STREQ(registers()[rule.cond_reg].name, "QUEUE_TWQ0_CTL");
    EXPECT_EQ(rule.cond_mask, 2u);
    EXPECT_EQ(rule.cond_value, 2u);
  }
  EXPECT_TRUE(found);
}

TEST(SpecTable, EveryProtocolActionHasNameAndText) {
  for (std::size_t i = 0; i < kProtocolActionCount; ++i) {
    const auto action = static_cast<ProtocolAction>(i);
    EXPECT_STRNE(to_string(action), "?");
    EXPECT_STRNE(text_of(action), "?");
  }
}

}  // namespace
}  // namespace hni::spec
