// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The registers of an input site. Our driver names the site of each read; a foreign driver does
/// not, so a card that injects faults derives it from the address. A register may belong to
/// several sites.

#include <algorithm>

#include "driver/control/counter_list.hpp"
#include "driver/control/link.hpp"
#include "driver/core/input_sites.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::fuzz {

template <class... Registers>
constexpr bool is_one_of(RegAddr at) {
  const auto is = [at]<class R>(R /*kind*/) {
    if (at.bar != R::kBar) return false;
    if constexpr (requires { R::kCount0; }) {
      if constexpr (requires { R::at(0U); }) {
        for (std::uint32_t i = 0; i < R::kCount; ++i)
          if (at == R::at(i)) return true;
        return false;
      }
    }
    return at.byte_offset == R::kByteOffset;
  };
  return (is(Registers{}) || ...);
}

inline bool is_counter(RegAddr at, bool high, bool wide, bool clears) {
  return std::any_of(kCounterGroups.begin(), kCounterGroups.end(), [&](const CounterGroup& g) {
    if (g.is_wide() != wide || (g.kind == CounterKind::kClearOnRead) != clears) return false;
    for (std::uint32_t i = 0; i < g.count; ++i) {
      if (at == (high ? g.high(i) : g.low(i))) return true;
      if (clears && at == RegAddr{g.low(i).bar, g.low(i).byte_offset + 4}) return true;
    }
    return false;
  });
}

/// Returns whether a read of `at` belongs, or may belong, to `site`.
inline bool answers_for(Site site, RegAddr at) {
  constexpr std::uint32_t kMailbox = 0x18000;
  constexpr std::uint32_t kMailboxEnd = 0x18100;
  constexpr std::uint32_t kQueues = 0x100000;
  const bool mailbox =
      at.bar == Bar::kBar4 && at.byte_offset >= kMailbox && at.byte_offset < kMailboxEnd;
  const bool high_half = at.byte_offset % 8 == 4;
  switch (site) {
    case Site::kPresence:
      return is_one_of<spec::MASTER_SPARE_0>(at) || (mailbox && at.byte_offset == kMailbox);
    case Site::kIntrStatus:
      return is_one_of<spec::INTR_STATUS>(at);
    case Site::kIntrMask:
      return is_one_of<spec::INTR_MASK>(at);
    case Site::kIdle:
      return is_one_of<spec::QM_TWQ_IDLE, spec::QM_TQS_IDLE, spec::QM_TDE_IDLE, spec::QM_TCQ_IDLE,
                       spec::QM_HPQ_IDLE, spec::QM_PPQ_IDLE, spec::QM_RCQ_IDLE>(at);
    case Site::kQueueCtl:
    case Site::kQueueReadback:
      return at.bar == Bar::kBar0 && at.byte_offset >= kQueues;
    case Site::kSetupReadback:
      return is_one_of<spec::QM_TNI_TDF_CTL, spec::QM_TNI_TCM_CTL, spec::QM_RNI_RBP_CTL,
                       spec::QM_RNI_RDE_CTL, spec::QM_RNI_RCM_CTL>(at);
    case Site::kRmiConfig:
      return is_one_of<spec::RPC_RMI_CONFIG>(at);
    case Site::kPbufCfg:
      return is_one_of<spec::RXB_PBUF_CFG>(at);
    case Site::kPcsIntrStatus:
      return is_one_of<spec::SIG_PCS_INTR_STS>(at);
    case Site::kPcsOut0:
      return is_one_of<spec::SIG_PCS_OUT0>(at);
    case Site::kPcsOut1:
      return is_one_of<spec::SIG_PCS_OUT1>(at);
    case Site::kXpcs:
      return at == link_detail::kPcsControl1 || at == link_detail::kPcsStatus1 ||
             at == link_detail::kPcsStatus2 || at == link_detail::kPcsBaseRStatus2 ||
             at == link_detail::kPcsDigitalStatus;
    case Site::kMacSignal:
      return is_one_of<spec::SIG_MAC_IN0, spec::RXB_ERR_INTR_MASK>(at);
    case Site::kPauseStorm:
      return is_one_of<spec::RXB_ERR_INTR_STS>(at);
    case Site::kFecCounter:
      return is_counter(at, false, false, true);
    case Site::kCounter32:
      return is_counter(at, false, false, false);
    case Site::kCounter64High:
      return is_counter(at, true, true, false);
    case Site::kCounter64Low:
      return is_counter(at, false, true, false);
    case Site::kClockHigh:
      return is_one_of<spec::PTP_CTR_VAL_HI>(at);
    case Site::kClockLow:
      return is_one_of<spec::PTP_CTR_VAL_LO, spec::PTP_SPARE>(at);
    case Site::kOtpStatus:
      return is_one_of<spec::NS_OTP_STATUS, spec::NS_OTP_WRITE_STATUS>(at);
    case Site::kDump:
      return at.bar == Bar::kBar0;
    case Site::kMailboxLow:
      return mailbox && !high_half;
    case Site::kMailboxHigh:
    case Site::kMailboxLength:
      return mailbox && high_half;
    default:
      return false;  // no register
  }
}

}  // namespace hni::fuzz
