// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Part of firmware_client.hpp: bring-up, ownership, heartbeat, recovery, stop.

#include "driver/firmware/firmware_client.hpp"

namespace hni {

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::start(Time now) {
  if (state_ != State::kDown && state_ != State::kFailed) return fail(ErrorCode::kRequestPending);
  if (const auto up = mailbox_.start(now, options_.relaxed_ordering); !up) return up;
  state_ = State::kWaitMailbox;
  give_up_ = now + Mailbox<Io, Obs>::kBringUpTime;
  capabilities_expected_ = false;
  capabilities_hinted_ = false;
  logs_on_ = false;
  ownership_ = Ownership::kNone;
  crash_cause_ = CrashCause::kNone;
  answer_pending_ = false;
  ask_again_ = false;
  return {};
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::step(Time now) {
  // While vector 0 announces messages, polling the rings is a safety net for lost interrupts.
  if (state_ != State::kReady || now >= next_look_) {
    next_look_ = now + kLookTime;
    Sink sink{*this};
    mailbox_.step(now, sink);
  }
  advance(now);
}

/// Advances the life cycle by the mailbox's state and by time.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::advance(Time now) {
  if (state_ != State::kFailed && mailbox_.state() == MailboxState::kFailed)
    return fail_with(mailbox_.error());
  switch (state_) {
    case State::kWaitMailbox:
      if (mailbox_.state() != MailboxState::kReady) return;
      state_ = State::kWaitCapabilities;
      (void)send_plain(FwMessage::HOST_CAP_REQ, now);
      next_poll_ = now + kCapabilityPollTime;
      return;
    case State::kWaitCapabilities:
      return wait_for_capabilities(now);
    case State::kReady:
      return watch(now);
    case State::kStopping:
      if (mailbox_.state() != MailboxState::kDown) return;
      state_ = State::kDown;
      ownership_ = Ownership::kNone;
      answer_pending_ = false;
      return;
    case State::kDown:
    case State::kFailed:
      return;
  }
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::interrupt(Time now) {
  if (!ready()) return;  // bring-up and shutdown poll and must not be advanced here [device 3.2]
  Sink sink{*this};
  mailbox_.interrupt(now, sink);
  advance(now);
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::take_ownership(bool take, Time now) {
  want_ownership_ = take;
  if (!ready()) return fail(ErrorCode::kNotRunning);
  // The response to the release comes first; then want_ownership_ decides.
  if (ownership_ == Ownership::kReleasing) return {};
  if (!take) {
    if (ownership_ != Ownership::kNone) request_ownership(Ownership::kReleasing, now);
  } else if (ownership_ == Ownership::kNone || crashed()) {
    request_ownership(Ownership::kTaking, now);
  }
  return {};
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::recover(Time now) {
  if (!crashed() && !failed()) return fail(ErrorCode::kNotRunning);
  if (!recovery_restarts_mailbox()) {
    request_ownership(Ownership::kTaking, now);
    return {};
  }
  end_all(ErrorCode::kFirmwareSilent);
  mailbox_.abort(ErrorCode::kFirmwareSilent);
  state_ = State::kFailed;
  return start(now);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::stop(Time now) {
  want_ownership_ = false;
  if (state_ == State::kFailed || state_ == State::kDown) {
    mailbox_.shutdown(now);
    state_ = State::kDown;
    ownership_ = Ownership::kNone;
    return;
  }
  if (state_ == State::kStopping) return;
  // A release in flight is not sent again: the firmware would respond to only one.
  bool release_sent = ownership_ == Ownership::kReleasing && !ask_again_;
  if (ready()) {
    SmallMessage buffer;
    if (ownership_ != Ownership::kNone && !release_sent)
      release_sent = mailbox_.send(encode_ownership(buffer, false), now).has_value();
    if (logs_on_) (void)mailbox_.send(encode_logs(buffer, false, false), now);
  }
  end_all(ErrorCode::kNotRunning);
  logs_on_ = false;
  ask_again_ = false;
  answer_pending_ = request_sent_ = release_sent;  // the response arrives while the mailbox drains
  ownership_ = release_sent ? Ownership::kReleasing : Ownership::kNone;
  mailbox_.shutdown(now);
  state_ = mailbox_.state() == MailboxState::kDown ? State::kDown : State::kStopping;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::abandon() {
  want_ownership_ = false;
  end_all(ErrorCode::kNotRunning);
  mailbox_.abort(ErrorCode::kNotRunning);
  logs_on_ = false;
  answer_pending_ = false;
  ownership_ = Ownership::kNone;
  state_ = State::kFailed;
}

template <DeviceIo Io, class Obs>
Time FirmwareClient<Io, Obs>::deadline() const {
  Time next = mailbox_.deadline();
  if (state_ == State::kWaitCapabilities) next = std::min(next, next_poll_);
  if (state_ != State::kReady) return next;
  if (answer_pending_ || ownership_ == Ownership::kOwned) next = std::min(next, watch_deadline_);
  if (ask_again_) next = std::min(next, next_retry_);
  if (capabilities_hinted_) next = std::min(next, next_refresh_);
  for (const RequestSlot& slot : slots_)
    if (slot.request != Request::kNone) next = std::min(next, slot.deadline);
  return next;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::fail_with(Error why) {
  error_ = why;
  if (ownership_ != Ownership::kNone) lose(CrashCause::kMailboxFailed);
  mailbox_.abort(why.code);
  end_all(why.code);
  answer_pending_ = false;
  state_ = State::kFailed;
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::send_plain(FwMessage type, Time now) {
  SmallMessage buffer;
  const auto sent = mailbox_.send(encode_plain(buffer, type), now);
  if (sent && type == FwMessage::HOST_CAP_REQ) {
    failures_seen_ = mailbox_.counters().send_refused + mailbox_.counters().receive_failed;
    capabilities_expected_ = true;
  }
  return sent;
}

/// [device 4.4 step 4]: waits for a valid response, at most until the bring-up deadline. A
/// completion with FW_ERR since the request means that it must be sent again.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::wait_for_capabilities(Time now) {
  if (now >= give_up_) return fail_with(Error{ErrorCode::kFirmwareSilent, 0});
  if (now < next_poll_) return;
  next_poll_ = now + kCapabilityPollTime;
  const MailboxCounters& counters = mailbox_.counters();
  if (counters.send_refused + counters.receive_failed != failures_seen_)
    (void)send_plain(FwMessage::HOST_CAP_REQ, now);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::became_ready(Time now) {
  state_ = State::kReady;
  mailbox_.enable_interrupt();
  if (options_.logs && capabilities_.running.version >= kLogFirmwareVersion) {
    (void)send_logs(true, !history_asked_, now);
    history_asked_ = true;
  }
  if (want_ownership_) request_ownership(Ownership::kTaking, now);
}

/// Handles heartbeat, retries and request deadlines, each at most once per call.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::watch(Time now) {
  if (answer_pending_ && now >= watch_deadline_) {
    if (ownership_ == Ownership::kReleasing) {
      released(now);
    } else {
      lose(ownership_ == Ownership::kTaking ? CrashCause::kNoOwnership : CrashCause::kNoHeartbeat);
    }
  } else if (answer_pending_ && ask_again_ && now >= next_retry_) {
    send_request(now);
  } else if (ownership_ == Ownership::kOwned && !answer_pending_ && now >= watch_deadline_) {
    request_heartbeat(now);
  }
  if (capabilities_hinted_ && now >= next_refresh_) (void)refresh_capabilities(now);
  if (flash_session_.state() == FlashSession::State::kAnswering) send_flash_piece(now);
  for (const RequestSlot& slot : slots_) {
    if (slot.request == Request::kNone || now < slot.deadline) continue;
    ++counters_.timeouts;
    if (slot.request == Request::kFlash) cancel_flash(now);
    end_with(slot.request, ErrorCode::kTimeout);
  }
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::lose(CrashCause cause) {
  ownership_ = Ownership::kLost;
  crash_cause_ = cause;
  answer_pending_ = false;
  ask_again_ = false;
  ++counters_.crashes;
}

/// Claims or releases the device. The deadline runs from here, so that a full mailbox or FW_ERR
/// cannot extend it.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::request_ownership(Ownership change, Time now) {
  ownership_ = change;
  crash_cause_ = CrashCause::kNone;
  uptime_ms_ = 0;
  watch_deadline_ = now + kAnswerTime;
  request_sent_ = false;
  send_request(now);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::request_heartbeat(Time now) {
  watch_deadline_ = now + kHeartbeatPeriod;
  request_sent_ = false;
  send_request(now);
}

/// Sends the request for the current state; retries if the mailbox is full.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::send_request(Time now) {
  SmallMessage buffer;
  const Result<> sent =
      ownership_ == Ownership::kOwned
          ? send_plain(FwMessage::HEARTBEAT_REQ, now)
          : mailbox_.send(encode_ownership(buffer, ownership_ == Ownership::kTaking), now);
  answer_pending_ = true;
  request_sent_ |= sent.has_value();
  ask_again_ = !sent.has_value();
  next_retry_ = now + kRetryTime;
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::released(Time now) {
  ownership_ = Ownership::kNone;
  answer_pending_ = false;
  ask_again_ = false;
  if (want_ownership_) request_ownership(Ownership::kTaking, now);
}

template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_ownership(const Attributes& attributes, Time now) {
  if (!response_expected() ||
      (ownership_ != Ownership::kTaking && ownership_ != Ownership::kReleasing))
    return unsolicited(FwMessage::OWNERSHIP_RESP);
  if (ownership_ == Ownership::kReleasing) return released(now);
  answer_pending_ = false;
  ask_again_ = false;
  ownership_ = Ownership::kOwned;
  // The first uptime since ownership; those of the heartbeat are compared with it.
  uptime_ms_ = attributes.unsigned_at(fw::OWNERSHIP_RESP::TIME).as_data();
  request_heartbeat(now);
}

/// The next heartbeat is due one period after the last request; the response does not move it.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_heartbeat(const Attributes& attributes, Time /*now*/) {
  if (!response_expected() || ownership_ != Ownership::kOwned)
    return unsolicited(FwMessage::HEARTBEAT_RESP);
  if (!attributes.has(fw::HEARTBEAT_RESP::UPTIME))
    return refuse(Refusal{Site::kMessageMandatory, fw::HEARTBEAT_RESP::UPTIME, 0});
  answer_pending_ = false;
  ask_again_ = false;
  if (on_uptime(attributes.unsigned_at(fw::HEARTBEAT_RESP::UPTIME))) ++counters_.heartbeats;
}

/// A decreased uptime means that the firmware restarted and lost all settings.
template <DeviceIo Io, class Obs>
bool FirmwareClient<Io, Obs>::on_uptime(const Untrusted<std::uint64_t>& uptime) {
  const auto value = uptime.between(uptime_ms_, ~std::uint64_t{0});
  if (!value) {
    refuse(Refusal{Site::kFwUptime, uptime.as_data(), uptime_ms_});
    lose(CrashCause::kUptimeBack);
    return false;
  }
  uptime_ms_ = *value;
  return true;
}

/// Completes the bring-up. Later, a response without a request is only a hint that something
/// changed (a BMC appeared): the driver then sends a request, at most every 10 s.
template <DeviceIo Io, class Obs>
void FirmwareClient<Io, Obs>::on_capabilities(const Attributes& attributes, Time now) {
  if (!capabilities_expected_) {
    ++counters_.capability_hints;
    if (!ready() || capabilities_hinted_) return;
    capabilities_hinted_ = true;
    next_refresh_ = std::max(now, next_refresh_);
    return;
  }
  const auto decoded =
      decode_capabilities(attributes, [this](const Refusal& why) { refuse(why); });
  if (!decoded) {
    refuse(decoded.error());
    if (decoded.error().site == Site::kFwVersion && state_ == State::kWaitCapabilities)
      fail_with(Error{ErrorCode::kFirmwareTooOld, decoded.error().value});
    return;
  }
  const std::uint32_t generation = capabilities_.generation + 1;
  capabilities_ = *decoded;
  capabilities_.generation = generation;
  capabilities_expected_ = false;
  capabilities_hinted_ = false;
  next_refresh_ = now + kAnswerTime;
  if (state_ == State::kWaitCapabilities) became_ready(now);
}

template <DeviceIo Io, class Obs>
Result<> FirmwareClient<Io, Obs>::refresh_capabilities(Time now) {
  if (!ready()) return fail(ErrorCode::kNotRunning);
  next_refresh_ = now + kAnswerTime;
  const auto sent = send_plain(FwMessage::HOST_CAP_REQ, now);
  if (sent) capabilities_hinted_ = false;
  return sent;
}

}  // namespace hni
