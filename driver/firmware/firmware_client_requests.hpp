// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Part of firmware_client.hpp: messages from the mailbox, and the requests that wait for them.

#include <algorithm>

#include "driver/firmware/firmware_client.hpp"

namespace hni {

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::refuse(const Refusal& why) {
  ++counters_.refused;
  device_->refuse(why.site, why.value, why.limit);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::unsolicited(FwMessage type) {
  ++counters_.unsolicited;
  device_->refuse(Site::kFwUnsolicited, static_cast<std::uint16_t>(type), 0);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_message(std::span<const std::byte> bytes, Time now) {
  const auto message = decode_message(bytes);
  if (!message) return refuse(message.error());
  ++counters_.received;
  device_->obs.message_received(static_cast<std::uint16_t>(message->type),
                                static_cast<std::uint32_t>(bytes.size()), now);
  dispatch(*message, now);
}

/// What the client does with each message that the firmware may send, and the request that
/// the message answers. To add a message, add a line.
template <DeviceIo Io, class Obs>
constexpr auto FirmwareClient<Io, Obs>::message_table() {
  using C = FirmwareClient;
  using enum FwMessage;
  return std::to_array<MessageRow>({
      {FW_CAP_RESP, &C::on_capabilities},
      {OWNERSHIP_RESP, &C::on_ownership},
      {HEARTBEAT_RESP, &C::on_heartbeat},
      {LOG_MSG_REQ, &C::on_log},
      {TSENE_READ_RESP, &C::on_sensors, TSENE_READ_REQ, Request::kSensors,
       &C::template end_result<&C::sensors_>},
      {QSFP_READ_RESP, &C::on_module_page, QSFP_READ_REQ, Request::kModulePage,
       &C::template end_result<&C::module_page_>},
      {COREDUMP_GET_INFO_RESP, &C::on_core_dump_info, COREDUMP_GET_INFO_REQ,
       Request::kCoreDumpInfo, &C::template end_result<&C::core_dump_info_>},
      {COREDUMP_READ_RESP, &C::on_core_dump, COREDUMP_READ_REQ, Request::kCoreDump,
       &C::end_core_dump},
      {FW_START_UPGRADE_RESP, &C::on_flash_started, FW_START_UPGRADE_REQ, Request::kFlash,
       &C::end_flash},
      {FW_WRITE_CHUNK_REQ, &C::on_flash_chunk, FW_WRITE_CHUNK_RESP, Request::kFlash,
       &C::end_flash},
      {FW_FINISH_UPGRADE_REQ, &C::on_flash_finished},
      {TEST, &C::on_self_test, TEST, Request::kSelfTest, &C::template end_result<&C::self_test_>},
  });
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::dispatch(const FirmwareMessage& message, Time now) {
  static constexpr auto kTable = message_table();
  for (const MessageRow& row : kTable)
    if (row.received == message.type) return (this->*row.handler)(message.attributes, now);
  unsolicited(message.type);
}

/// Handles a message that the firmware consumed. FW_ERR means that no response will come.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_sent(std::uint16_t type, bool refused, Time now) {
  if (!refused) return;
  const auto message = static_cast<FwMessage>(type);
  if (message == FwMessage::OWNERSHIP_REQ || message == FwMessage::HEARTBEAT_REQ) {
    ask_again_ = answer_pending_;
    next_retry_ = now + kRetryTime;
    return;
  }
  // HOST_CAP_REQ has no request: wait_for_capabilities() repeats it.
  static constexpr auto kTable = message_table();
  for (const MessageRow& row : kTable)
    if (row.sent == message)
      end_with(row.request, ErrorCode::kFirmwareRefused,
               static_cast<std::uint64_t>(FirmwareFault::kOther));
}

// ---- The request table -------------------------------------------------------------------------

template <DeviceIo Io, class Obs>
auto FirmwareClient<Io, Obs>::find(Request request) -> RequestSlot* {
  for (RequestSlot& slot : slots_)
    if (slot.request == request) return &slot;
  return nullptr;
}

template <DeviceIo Io, class Obs>
bool FirmwareClient<Io, Obs>::waits_for(Request request) const {
  return std::ranges::any_of(slots_,
                             [&](const RequestSlot& slot) { return slot.request == request; });
}

/// Sends `message` and reserves a request slot for its response.
template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::open_with(Request request, std::span<const std::byte> message,
                                            Time now) {
  if (!ready()) return fail(ErrorCode::kNotRunning);
  if (waits_for(request)) return fail(ErrorCode::kRequestPending);
  RequestSlot* slot = find(Request::kNone);
  if (slot == nullptr) return fail(ErrorCode::kTableFull, kRequestSlots);
  if (const auto sent = mailbox_.send(message, now); !sent) return sent;
  *slot = RequestSlot{request, now + kAnswerTime};
  return {};
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::close_slot(Request request) {
  for (RequestSlot& slot : slots_)
    if (slot.request == request) slot = {};
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::extend(Request request, Time now) {
  for (RequestSlot& slot : slots_)
    if (slot.request == request) slot.deadline = now + kAnswerTime;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::end_with(Request request, ErrorCode code, std::uint64_t detail) {
  if (!waits_for(request)) return;
  close_slot(request);
  static constexpr auto kTable = message_table();
  const auto* row = std::ranges::find(kTable, request, &MessageRow::request);
  (this->*row->end)(fail(code, detail));
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::end_core_dump(const Failure& error) {
  core_dump_session_.end();
  core_dump_ = error;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::end_flash(const Failure& error) {
  flash_session_.end();
  flash_ = error;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::end_all(ErrorCode code) {
  for (const RequestSlot& slot : slots_)
    if (slot.request != Request::kNone) end_with(slot.request, code);
}

template <DeviceIo Io, class Obs>
bool FirmwareClient<Io, Obs>::answered_with_fault(Request request, const Attributes& attributes,
                                                  std::uint16_t error_id) {
  const auto value = attributes.signed_at(error_id);
  const FirmwareFault fault = firmware_fault(value);
  if (fault == FirmwareFault::kNone) return false;
  if (fault == FirmwareFault::kWrongSign) refuse(Refusal{Site::kFwError, value.as_data(), 0});
  end_with(request, ErrorCode::kFirmwareRefused, static_cast<std::uint64_t>(fault));
  return true;
}

// ---- Sensors, module pages, self test, logs ----------------------------------------------------

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::request_sensors(Time now) {
  SmallMessage buffer;
  const auto opened =
      open_with(Request::kSensors, encode_plain(buffer, FwMessage::TSENE_READ_REQ), now);
  if (opened) sensors_.reset();
  return opened;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_sensors(const Attributes& attributes, Time /*now*/) {
  if (!waits_for(Request::kSensors)) return unsolicited(FwMessage::TSENE_READ_RESP);
  if (answered_with_fault(Request::kSensors, attributes, fw::TSENE_READ_RESP::ERROR)) return;
  const auto decoded = decode_sensors(attributes);
  if (!decoded) {
    refuse(decoded.error());
    return end_with(Request::kSensors, ErrorCode::kBadFirmwareData);
  }
  close_slot(Request::kSensors);
  sensors_ = *decoded;
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::request_module_page(const ModuleRange& range, Time now) {
  if (range.length == 0 || range.length > kMaxModuleBytes || range.offset + range.length > 256)
    return fail(ErrorCode::kBadArgument, range.length);
  SmallMessage buffer;
  const auto opened = open_with(Request::kModulePage, encode_module_read(buffer, range), now);
  if (!opened) return opened;
  module_range_ = range;
  module_page_.reset();
  return {};
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_module_page(const Attributes& attributes, Time /*now*/) {
  namespace A = fw::QSFP_READ_RESP;
  if (!waits_for(Request::kModulePage)) return unsolicited(FwMessage::QSFP_READ_RESP);
  const auto spoil = [this](const Refusal& why) {
    refuse(why);
    end_with(Request::kModulePage, ErrorCode::kBadFirmwareData);
  };
  if (const auto echo = decode_module_echo(attributes, module_range_); !echo)
    return spoil(echo.error());
  if (answered_with_fault(Request::kModulePage, attributes, A::ERROR)) return;
  const auto data = decode_data(attributes, A::DATA, module_range_.length);
  if (!data) return spoil(data.error());
  std::ranges::copy(*data, module_data_.begin());
  close_slot(Request::kModulePage);
  module_page_ = std::uint32_t{module_range_.length};
}

template <DeviceIo Io, class Obs>
std::optional<Result<std::uint32_t>> FirmwareClient<Io, Obs>::poll_module_page(
    std::span<std::byte> to) {
  auto outcome = take(module_page_);
  if (!outcome || !outcome->has_value()) return outcome;
  const std::size_t bytes = std::min<std::size_t>(**outcome, to.size());
  std::ranges::copy(std::span(module_data_).first(bytes), to.begin());
  return Result<std::uint32_t>(static_cast<std::uint32_t>(bytes));
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::request_self_test(Time now) {
  std::array<std::byte, 512> buffer;
  const auto opened = open_with(Request::kSelfTest, encode_test(buffer), now);
  if (opened) self_test_.reset();
  return opened;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_self_test(const Attributes& attributes, Time /*now*/) {
  if (!waits_for(Request::kSelfTest)) return unsolicited(FwMessage::TEST);
  std::array<std::byte, 512> buffer;
  if (!same_attributes(attributes, encode_test(buffer))) {
    refuse(Refusal{Site::kFwPayload, 0, 0});
    return end_with(Request::kSelfTest, ErrorCode::kBadFirmwareData);
  }
  close_slot(Request::kSelfTest);
  self_test_ = Result<>();
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::send_logs(bool enable, bool history, Time now) {
  if (!ready()) return fail(ErrorCode::kNotRunning);
  const std::uint32_t version = capabilities_.running.version;
  if (version < kLogFirmwareVersion) return fail(ErrorCode::kFirmwareTooOld, version);
  SmallMessage buffer;
  const auto sent = mailbox_.send(
      encode_logs(buffer, enable, history && version >= kHistoryFirmwareVersion), now);
  if (sent) logs_on_ = enable;
  return sent;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_log(const Attributes& attributes, Time /*now*/) {
  if (!logs_on_) return unsolicited(FwMessage::LOG_MSG_REQ);
  const auto decoded = decode_log(attributes, [this](const LogRecord& record) {
    ++counters_.log_records;
    device_->obs.firmware_log(record.msec, record.text.chars.data(), record.text.length());
    if (log_ != nullptr) log_->add(record);
  });
  if (!decoded) refuse(decoded.error());
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::send_mac_sync(const MacSync& sync, Time now) {
  if (!ready()) return fail(ErrorCode::kNotRunning);
  if (!capabilities_.bmc_present) return fail(ErrorCode::kNotFound);
  std::array<std::byte, 512> buffer;
  return mailbox_.send(encode_mac_sync(buffer, sync), now);
}

// ---- Core dump ---------------------------------------------------------------------------------

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::request_core_dump_info(bool create, Time now) {
  SmallMessage buffer;
  const auto opened =
      open_with(Request::kCoreDumpInfo, encode_core_dump_info(buffer, create), now);
  if (opened) core_dump_info_.reset();
  return opened;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_core_dump_info(const Attributes& attributes, Time /*now*/) {
  namespace A = fw::COREDUMP_GET_INFO_RESP;
  if (!waits_for(Request::kCoreDumpInfo)) return unsolicited(FwMessage::COREDUMP_GET_INFO_RESP);
  if (answered_with_fault(Request::kCoreDumpInfo, attributes, A::ERROR)) return;
  if (!attributes.has(A::AVAILABLE)) return end_with(Request::kCoreDumpInfo, ErrorCode::kNotFound);
  const auto size = attributes.unsigned_at(A::SIZE);
  const auto bytes = size.between(1, 0xffffffffU);
  if (!bytes) {
    refuse(Refusal{Site::kFwPayload, size.as_data(), 0xffffffffU});
    return end_with(Request::kCoreDumpInfo, ErrorCode::kBadFirmwareData);
  }
  close_slot(Request::kCoreDumpInfo);
  core_dump_info_ = static_cast<std::uint32_t>(*bytes);
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::request_core_dump(std::span<std::byte> to, Time now) {
  if (to.empty() || to.size() > 0xffffffffU) return fail(ErrorCode::kBadArgument, to.size());
  if (waits_for(Request::kCoreDump)) return fail(ErrorCode::kRequestPending);
  CoreDumpSession session;
  session.begin(to);
  SmallMessage buffer;
  const auto opened =
      open_with(Request::kCoreDump, encode_core_dump_read(buffer, 0, session.length()), now);
  if (!opened) return opened;
  core_dump_session_ = session;
  core_dump_.reset();
  return {};
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_core_dump(const Attributes& attributes, Time now) {
  if (!waits_for(Request::kCoreDump)) return unsolicited(FwMessage::COREDUMP_READ_RESP);
  if (answered_with_fault(Request::kCoreDump, attributes, fw::COREDUMP_READ_RESP::ERROR)) return;
  if (const auto accepted = core_dump_session_.accept(attributes); !accepted) {
    refuse(accepted.error());
    return end_with(Request::kCoreDump, ErrorCode::kBadFirmwareData);
  }
  if (core_dump_session_.done()) {
    close_slot(Request::kCoreDump);
    core_dump_session_.end();
    core_dump_ = Result<>();
    return;
  }
  SmallMessage buffer;
  const auto sent = mailbox_.send(
      encode_core_dump_read(buffer, core_dump_session_.offset(), core_dump_session_.length()),
      now);
  if (!sent) return end_with(Request::kCoreDump, sent.error().code);
  extend(Request::kCoreDump, now);
}

// ---- Flash -------------------------------------------------------------------------------------

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::request_flash(FlashSection section,
                                                std::span<const std::byte> image, Time now) {
  if (image.empty() || image.size() > 0xffffffffU)
    return fail(ErrorCode::kBadArgument, image.size());
  if (!flash_section(static_cast<std::uint32_t>(section)))
    return fail(ErrorCode::kBadArgument, static_cast<std::uint64_t>(section));
  SmallMessage buffer;
  const auto opened = open_with(Request::kFlash,
                                encode_flash_start(buffer, static_cast<std::uint32_t>(section),
                                                   static_cast<std::uint32_t>(image.size())),
                                now);
  if (!opened) return opened;
  flash_session_.begin(image);
  flash_.reset();
  return {};
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_flash_started(const Attributes& attributes, Time now) {
  if (flash_session_.state() != FlashSession::State::kStarting)
    return unsolicited(FwMessage::FW_START_UPGRADE_RESP);
  if (answered_with_fault(Request::kFlash, attributes, fw::FW_START_UPGRADE_RESP::ERROR)) return;
  flash_session_.started();
  extend(Request::kFlash, now);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_flash_chunk(const Attributes& attributes, Time now) {
  if (flash_session_.state() != FlashSession::State::kWaiting)
    return unsolicited(FwMessage::FW_WRITE_CHUNK_REQ);
  if (const auto accepted = flash_session_.accept(attributes); !accepted) {
    refuse(accepted.error());
    cancel_flash(now);
    return end_with(Request::kFlash, ErrorCode::kBadFirmwareData);
  }
  extend(Request::kFlash, now);
  send_flash_piece(now);
}

/// If the mailbox is full, the piece stays due; step() retries until the slot's deadline.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::send_flash_piece(Time now) {
  LargeMessage buffer;
  if (mailbox_.send(encode_flash_chunk(buffer, flash_session_.offset(), flash_session_.piece()),
                    now)) {
    flash_session_.answered();
  }
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::cancel_flash(Time now) {
  SmallMessage buffer;
  (void)mailbox_.send(encode_flash_cancel(buffer), now);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_flash_finished(const Attributes& attributes, Time /*now*/) {
  if (flash_session_.state() != FlashSession::State::kWaiting)
    return unsolicited(FwMessage::FW_FINISH_UPGRADE_REQ);
  if (answered_with_fault(Request::kFlash, attributes, fw::FW_FINISH_UPGRADE_REQ::ERROR)) return;
  if (!flash_session_.complete()) {
    const auto [done, total] = flash_session_.progress();
    refuse(Refusal{Site::kFwPayload, done, total});
    return end_with(Request::kFlash, ErrorCode::kBadFirmwareData);
  }
  close_slot(Request::kFlash);
  flash_session_.end();
  flash_ = Result<>();
}

}  // namespace hni
