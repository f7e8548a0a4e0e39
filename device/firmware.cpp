// SPDX-License-Identifier: Apache-2.0
#include "device/firmware.hpp"

#include <algorithm>
#include <cstring>

#include "device/firmware_storage.hpp"
#include "device/fw_tlv.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni::device {
namespace {

using spec::MBX_DESC;

constexpr std::uint64_t kNever = ~std::uint64_t{0};
constexpr unsigned kRxMailbox = 0;
constexpr unsigned kTxMailbox = 1;
constexpr unsigned kDescriptors = 16;
constexpr unsigned kLow = 0;
constexpr unsigned kHigh = 1;
// Reads of one descriptor before it counts as being rewritten; the host's next write triggers
// another attempt.
constexpr unsigned kTearingRetries = 4;

constexpr std::uint32_t kHostDone = 1u << 0;
constexpr std::uint32_t kFwDone = 1u << 1;
constexpr std::uint32_t kFwError = 1u << 2;
constexpr std::uint32_t kBothDone = kHostDone | kFwDone;

constexpr unsigned next_of(unsigned index) {
  return (index + 1) % kDescriptors;
}
constexpr std::uint64_t address_of(MBX_DESC descriptor) {
  return descriptor.ADDR_8() << 3;
}

}  // namespace

Firmware::Firmware(const FirmwareConfig& config, FirmwarePort& port)
    : config_(config), port_(port), storage_(std::make_unique<Storage>(config)) {}

Firmware::~Firmware() = default;

// Powers the firmware on: it programs the lanes and raises vector 0 [device 4.4, 10.1].
void Firmware::start(std::uint64_t now_ns) {
  storage_->outbound_first = storage_->outbound_count = 0;
  storage_->upgrade = {};
  tx_head_ = rx_head_ = 0;
  owned_ = false;
  logs_enabled_ = false;
  running_ = true;
  now_ns_ = started_ns_ = now_ns;
  last_uptime_ms_ = 0;
  record("firmware started");
  program_lanes();
  interrupt();
}

void Firmware::reboot(std::uint64_t now_ns) {
  if (!running_) return;
  record("firmware stopped unexpectedly");
  start(now_ns);
}

void Firmware::halt() {
  running_ = false;
  storage_->outbound_count = 0;
}

std::uint64_t Firmware::uptime_ms(std::uint64_t now_ns) const {
  return now_ns > started_ns_ ? (now_ns - started_ns_) / 1'000'000 : 0;
}

// Raises vector 0 [device 4.6].
void Firmware::interrupt() {
  if (!faults_.no_interrupts && !faults_.silent) port_.raise_vector0();
}

Firmware::Descriptor Firmware::read_descriptor(unsigned mailbox, unsigned index) {
  // The host publishes high, then low [device 4.2]: equal low halves before and after the high one
  // confirm that the pair belongs together.
  Descriptor out;
  for (unsigned attempt = 0; attempt < kTearingRetries && !out.stable; ++attempt) {
    const std::uint32_t low = port_.mailbox_word(mailbox, index, kLow);
    const std::uint32_t high = port_.mailbox_word(mailbox, index, kHigh);
    out.stable = port_.mailbox_word(mailbox, index, kLow) == low;
    out.raw = std::uint64_t{high} << 32 | low;
  }
  return out;
}

void Firmware::write_descriptor(unsigned mailbox, unsigned index, std::uint64_t raw) {
  // High half first: a host that reads FW_CMPL in the low half then finds the matching length.
  port_.set_mailbox_word(mailbox, index, kHigh, static_cast<std::uint32_t>(raw >> 32));
  port_.set_mailbox_word(mailbox, index, kLow, static_cast<std::uint32_t>(raw));
}

// Skips descriptors with both completion bits set [device 4.3].
void Firmware::walk(unsigned mailbox, unsigned& head) {
  unsigned steps = 0;
  while (steps < kDescriptors &&
         (port_.mailbox_word(mailbox, head, kLow) & kBothDone) == kBothDone) {
    head = next_of(head);
    ++steps;
  }
  if (steps != 0) ++counters_.ring_resets;
}

// Handles a mailbox write: follows a ring reset [device 4.3], then processes requests
// [device 4.5].
void Firmware::mailbox_written(unsigned mailbox, unsigned descriptor, unsigned half,
                               std::uint64_t now_ns) {
  if (!running_ || half != kLow || descriptor >= kDescriptors) return;
  now_ns_ = now_ns;
  if (faults_.silent) {
    missed_writes_ = true;
    return;
  }
  if (mailbox == kRxMailbox) {
    const std::uint32_t low = port_.mailbox_word(kRxMailbox, descriptor, kLow);
    if ((low & kBothDone) == kBothDone) {
      // Only a host that resets the ring sets both bits: messages for the ring's previous owner
      // must not reach the new one. INTERPRETATION: logs stop until they are requested again.
      counters_.messages_dropped += storage_->outbound_count;
      storage_->outbound_first = storage_->outbound_count = 0;
      storage_->upgrade = {};
      logs_enabled_ = false;
    }
    walk(kRxMailbox, rx_head_);
    return tick(now_ns);
  }
  if (mailbox != kTxMailbox) return;
  walk(kTxMailbox, tx_head_);
  serve(now_ns);
  deliver();
  interrupt();  // for every low-half write: bring-up waits for it [device 4.4]
}

bool Firmware::waiting() const {
  return storage_->outbound_count != 0 || missed_writes_ ||
         (logs_enabled_ && storage_->log_cursor != storage_->log_next);
}

void Firmware::tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  if (!running_ || faults_.silent || !waiting()) return;
  missed_writes_ = false;
  walk(kTxMailbox, tx_head_);
  const std::uint64_t before = counters_.messages + counters_.requests;
  deliver();
  serve(now_ns);
  deliver();
  if (counters_.messages + counters_.requests != before) interrupt();
}

// Processes requests in ring order [device 4.5].
void Firmware::serve(std::uint64_t now_ns) {
  for (unsigned i = 0; i < kDescriptors; ++i) {
    if (storage_->outbound_free() < Storage::kMessagesPerRequest) deliver();
    if (storage_->outbound_free() < Storage::kMessagesPerRequest || !serve_one(now_ns)) return;
  }
}

// Processes one request; false if none is ready or the message queue has too little room.
bool Firmware::serve_one(std::uint64_t now_ns) {
  const Descriptor read = read_descriptor(kTxMailbox, tx_head_);
  const MBX_DESC descriptor{read.raw};
  if (!read.stable || descriptor.HOST_CMPL() == 0 || descriptor.FW_CMPL() != 0) return false;

  const std::span<std::byte> inbox =
      std::span{storage_->inbox}.first(static_cast<std::size_t>(descriptor.LEN()));
  // The protocol has no message of several descriptors [device 5]: without EOM it fails.
  bool good = descriptor.EOM() != 0 && inbox.size() >= kTlvHeaderBytes &&
              port_.dma_read(address_of(descriptor), inbox);
  if (faults_.fail_requests != 0) {
    --faults_.fail_requests;
    good = false;
  } else if (good) {
    good = handle(inbox, now_ns);
  }
  ++counters_.requests;
  if (!good) ++counters_.requests_failed;
  const auto low = static_cast<std::uint32_t>(read.raw);
  port_.set_mailbox_word(kTxMailbox, tx_head_, kLow, low | kFwDone | (good ? 0u : kFwError));
  tx_head_ = next_of(tx_head_);
  return true;
}

// Queues a message for the host.
bool Firmware::enqueue(std::span<const std::byte> message) {
  Storage& s = *storage_;
  if (message.empty() || message.size() > kTlvMaxMessageBytes || s.outbound_free() == 0) {
    ++counters_.messages_dropped;
    return false;
  }
  if (faults_.no_responses) return true;
  auto& slot = s.outbound[(s.outbound_first + s.outbound_count) % Storage::kOutboundSlots];
  slot.bytes = message.size();
  slot.ready_ns = now_ns_ + config_.response_delay_ns;
  std::memcpy(slot.data.data(), message.data(), message.size());
  ++s.outbound_count;
  return true;
}

// Delivers queued messages that are due [device 4.6].
void Firmware::deliver() {
  for (unsigned i = 0; i < kDescriptors; ++i) {
    if (storage_->outbound_count == 0) send_logs();
    if (storage_->outbound_count == 0 || next_deadline_ns() != kNever || !deliver_one()) return;
  }
}

std::uint64_t Firmware::next_deadline_ns() const {
  if (storage_->outbound_count == 0) return kNever;
  const std::uint64_t ready_ns = storage_->outbound[storage_->outbound_first].ready_ns;
  return ready_ns > now_ns_ ? ready_ns : kNever;
}

// Copies one message to the next receive descriptor and completes it [device 4.6].
bool Firmware::deliver_one() {
  walk(kRxMailbox, rx_head_);
  const Descriptor read = read_descriptor(kRxMailbox, rx_head_);
  MBX_DESC descriptor{read.raw};
  if (!read.stable || descriptor.HOST_CMPL() == 0 || descriptor.FW_CMPL() != 0) return false;

  Storage& s = *storage_;
  const auto& slot = s.outbound[s.outbound_first];
  s.outbound_first = (s.outbound_first + 1) % Storage::kOutboundSlots;
  --s.outbound_count;
  const bool fits = slot.bytes <= descriptor.LEN();
  const bool good =
      fits && port_.dma_write(address_of(descriptor), std::span{slot.data}.first(slot.bytes));
  descriptor.set_FW_CMPL(1).set_EOM(1).set_LEN(good ? slot.bytes : 0);
  if (!good) descriptor.set_FW_ERR(1);
  ++(good ? counters_.messages : counters_.messages_dropped);
  write_descriptor(kRxMailbox, rx_head_, descriptor.raw);
  rx_head_ = next_of(rx_head_);
  return true;
}

bool Firmware::send_raw(std::span<const std::byte> message, std::uint64_t now_ns) {
  const bool taken = enqueue(message);
  tick(now_ns);
  return taken;
}

void Firmware::log(std::string_view text, std::uint64_t now_ns) {
  now_ns_ = now_ns;
  record(text);
  tick(now_ns);
}

void Firmware::record(std::string_view text) {
  Storage& s = *storage_;
  auto& record = s.log[s.log_next % s.log.size()];
  const std::size_t bytes = std::min(text.size(), Storage::kLogTextBytes - 1);
  record.milliseconds = static_cast<std::uint32_t>(uptime_ms(now_ns_));
  record.bytes = static_cast<std::uint16_t>(bytes);
  std::copy_n(text.data(), bytes, record.text.data());
  ++s.log_next;
}

std::span<const std::byte> Firmware::eeprom() const {
  return storage_->eeprom;
}

std::span<const std::byte> Firmware::flash_section(std::size_t section) const {
  if (section >= kFlashSections) return {};
  return storage_->flash[section];
}

std::span<const std::byte> Firmware::core_dump() const {
  return storage_->core_dump;
}

bool Firmware::set_qsfp(std::uint8_t page, std::uint8_t offset,
                        std::span<const std::uint8_t> image) {
  Storage& s = *storage_;
  const std::size_t half = offset % Storage::kQsfpPageBytes;
  if (image.size() > Storage::kQsfpPageBytes - half) return false;
  auto& target = offset < Storage::kQsfpPageBytes ? s.qsfp_lower : s.qsfp_upper[page];
  for (std::size_t i = 0; i < image.size(); ++i) target[half + i] = std::byte{image[i]};
  if (offset >= Storage::kQsfpPageBytes) s.qsfp_present[page] = true;
  s.module_present = true;
  return true;
}

void Firmware::remove_qsfp() {
  storage_->module_present = false;
  storage_->qsfp_present.reset();
}

}  // namespace hni::device
