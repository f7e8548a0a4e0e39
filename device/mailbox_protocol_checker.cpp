// SPDX-License-Identifier: Apache-2.0
#include "device/mailbox_protocol_checker.hpp"

#include "openhni/spec/descriptors.hpp"

namespace hni::device {
namespace {

using spec::ProtocolAction;

spec::MBX_DESC descriptor_of(std::uint32_t low, std::uint32_t high) {
  return spec::MBX_DESC{std::uint64_t{high} << 32 | low};
}

/// Passed to the firmware and not completed by it.
bool owned_by_firmware(std::uint32_t low) {
  const spec::MBX_DESC desc = descriptor_of(low, 0);
  return desc.HOST_CMPL() != 0 && desc.FW_CMPL() == 0;
}

bool well_formed(unsigned mailbox, spec::MBX_DESC desc) {
  const bool to_firmware = mailbox == 1;
  if (desc.LEN() < 4 || desc.FW_ERR() != 0) return false;
  return !to_firmware || (desc.EOM() != 0 && desc.LEN() <= 4096);
}

}  // namespace

void MailboxProtocolChecker::flushed() {
  for (auto& mailbox : slots_) {
    for (MailboxSlot& slot : mailbox) {
      if (slot.low == Half::kWritten) slot.low = Half::kFlushed;
      if (slot.high == Half::kWritten) slot.high = Half::kFlushed;
    }
  }
}

void MailboxProtocolChecker::written(unsigned mailbox, unsigned descriptor, bool high_half,
                                     std::uint32_t value, const View& before, CardEvents& events) {
  MailboxSlot& slot = slots_[mailbox][descriptor];
  // While DMA is disabled the host resets the ring, and may write anything [device 4.3].
  if (before.gate_open && owned_by_firmware(before.low)) {
    events.note(ProtocolAction::kMailboxOverwrite);
  }
  if (high_half) {
    const bool still_valid = owned_by_firmware(before.low);
    if (still_valid || slot.low == Half::kWritten) {
      events.note(ProtocolAction::kMailboxInvalidateOrder);
    }
    slot = {Half::kQuiet, Half::kWritten};
    return;
  }
  if (owned_by_firmware(value)) {
    if (slot.high != Half::kFlushed) events.note(ProtocolAction::kMailboxPublishOrder);
    if (before.next_low != 0) events.note(ProtocolAction::kMailboxFull);
    if (!well_formed(mailbox, descriptor_of(value, before.high))) {
      events.note(ProtocolAction::kMailboxDescriptor);
    }
    slot = {Half::kQuiet, Half::kQuiet};
    return;
  }
  slot = {Half::kWritten, Half::kQuiet};
}

}  // namespace hni::device
