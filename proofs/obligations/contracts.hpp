// SPDX-License-Identifier: Apache-2.0
// The contracts between the parts of a port. Each contract is used twice: the proof of the part
// shows that its code satisfies it (mailbox_life, firmware_life), and the proof of the code above
// (firmware_life, actions_of_the_port) replaces the part by arbitrary behaviour that satisfies it.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "driver/firmware/firmware_client.hpp"

namespace hni::proofs {

/// The calls that may change the state of Mailbox or FirmwareClient; kOther represents all others.
enum class Call { kStart, kStep, kInterrupt, kShutdown, kAbort, kRecover, kOther };

/// Returns whether DMA is enabled in this state.
constexpr bool gates_open(MailboxState state) {
  return state == MailboxState::kReady || state == MailboxState::kDraining;
}
constexpr bool gates_open(FirmwareState state) {
  return state == FirmwareState::kWaitCapabilities || state == FirmwareState::kReady ||
         state == FirmwareState::kStopping;
}

/// Returns the states that the mailbox may be in after a call. `gone`: the card has been removed
/// by then. kStep and kInterrupt include the effects of a handler callback: kShutdown and kAbort.
inline std::vector<MailboxState> mailbox_moves(Call call, MailboxState from, bool gone) {
  using S = MailboxState;
  const bool quiet = from == S::kDown || from == S::kFailed;
  switch (call) {
    case Call::kStart:
      return quiet && !gone ? std::vector{S::kWaitFirmware} : std::vector{from};
    case Call::kAbort:
      return {quiet ? from : S::kFailed};
    case Call::kShutdown:
      if (from == S::kDraining || (from == S::kReady && !gone)) return {S::kDraining, S::kDown};
      return {S::kDown};
    case Call::kStep:
    case Call::kInterrupt:
      if (quiet) return {from};
      if (from == S::kWaitFirmware) {
        if (call == Call::kInterrupt) return {from};
        return gone ? std::vector{from, S::kFailed} : std::vector{from, S::kReady, S::kFailed};
      }
      if (call == Call::kInterrupt && from == S::kDraining) return {from};
      return gone                ? std::vector{from, S::kFailed}
             : from == S::kReady ? std::vector{from}
                                 : std::vector{from, S::kDown};
    case Call::kRecover:
    case Call::kOther:
      break;
  }
  return {from};
}

/// The same for the firmware conversation. kAbort is abandon(), kShutdown is stop(); `restarts` is
/// the result of recovery_restarts_mailbox() before recover().
inline std::vector<FirmwareState> firmware_moves(Call call, FirmwareState from, bool gone,
                                                 bool restarts = true) {
  using S = FirmwareState;
  const bool over = from == S::kDown || from == S::kFailed;
  switch (call) {
    case Call::kStart:
      return over && !gone ? std::vector{S::kWaitMailbox} : std::vector{from};
    case Call::kAbort:
      return {S::kFailed};
    case Call::kShutdown:
      return gates_open(from) ? std::vector{S::kStopping, S::kDown} : std::vector{S::kDown};
    case Call::kRecover:
      if (!restarts) return {from};
      return gone ? std::vector{from, S::kFailed} : std::vector{from, S::kWaitMailbox};
    case Call::kStep:
    case Call::kInterrupt:
      if (over) return {from};
      if (from == S::kReady) return gone ? std::vector{from, S::kFailed} : std::vector{from};
      if (call == Call::kInterrupt) return {from};
      if (from == S::kWaitMailbox) return {from, S::kWaitCapabilities, S::kFailed};
      if (from == S::kWaitCapabilities) return {from, S::kReady, S::kFailed};
      return gone ? std::vector{from, S::kDown, S::kFailed} : std::vector{from, S::kDown};
    case Call::kOther:
      break;
  }
  return {from};
}

template <class State>
bool is_among(const std::vector<State>& states, State state) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

}  // namespace hni::proofs
