// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The input sites: every place where a value that the device controls enters the driver. The list
/// feeds the refusal counters, the probe names, the recorder, the fault injector and the corpus
/// check. To add a site: add a line here, read through CheckedIo under that name, and state in the
/// last column what limits the value.
///
/// Kinds: kRegister (a 32-bit register read), kRing (a 64-bit descriptor word in DMA memory),
/// kField (a field of such a word, checked on its own), kMailbox (a mailbox descriptor half in
/// BAR4), kMessage (bytes of a firmware message or a value parsed from it).

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hni {

/// Where a value comes from.
enum class SiteKind : std::uint8_t { kRegister, kRing, kField, kMailbox, kMessage };

// X(enumerator, name, kind, limit)
#define HNI_INPUT_SITES(X)                                                                    \
  X(kPresence, "presence", kRegister, "all ones twice: the device was removed")               \
  X(kIntrStatus, "intr_status", kRegister, "bit 0 only; polled until a deadline")             \
  X(kIntrMask, "intr_mask", kRegister, "self test only")                                      \
  X(kIdle, "idle", kRegister, "all ones or not; polled until a deadline")                     \
  X(kQueueCtl, "queue_ctl", kRegister, "one bit, once per second: queue enabled")             \
  X(kQueueReadback, "queue_readback", kRegister, "self test compares it")                     \
  X(kSetupReadback, "setup_readback", kRegister,                                              \
    "fields kept by a read-modify-write of the global set-up")                                \
  X(kRmiConfig, "rmi_config", kRegister, "one bit: management traffic enabled")               \
  X(kPbufCfg, "pbuf_cfg", kRegister, "size field within the packet buffer")                   \
  X(kPcsIntrStatus, "pcs_intr_status", kRegister, "two bits; at most one link test per call") \
  X(kPcsOut0, "pcs_out0", kRegister, "compared exactly with the lock pattern")                \
  X(kPcsOut1, "pcs_out1", kRegister, "compared exactly with the lock pattern")                \
  X(kXpcs, "xpcs", kRegister, "compared; polls bounded in steps")                             \
  X(kFecCounter, "fec_counter", kRegister, "data; 16 bits of each half")                      \
  X(kMacSignal, "mac_signal", kRegister, "fields kept by a read-modify-write")                \
  X(kPauseStorm, "pause_storm", kRegister, "one bit, once per second")                        \
  X(kCounter32, "counter32", kRegister, "data; difference modulo 2^32")                       \
  X(kCounter64High, "counter64_high", kRegister, "data; at most three attempts")              \
  X(kCounter64Low, "counter64_low", kRegister, "data")                                        \
  X(kClockHigh, "clock_high", kRegister, "data; at most four attempts")                       \
  X(kClockLow, "clock_low", kRegister, "data")                                                \
  X(kOtpStatus, "otp_status", kRegister, "non-zero is reported")                              \
  X(kDump, "register_dump", kRegister, "data, shown only")                                    \
  X(kMailboxLow, "mailbox_low", kMailbox, "flags; the address part is ignored")               \
  X(kMailboxHigh, "mailbox_high", kMailbox, "length at most the posted page")                 \
  X(kMailboxLength, "mailbox_length", kField, "4 .. 4096 bytes")                              \
  X(kMessageBytes, "message_bytes", kMessage, "copied once into private memory")              \
  X(kMessageHeader, "message_header", kMessage,                                               \
    "type is a message; length at most the descriptor's")                                     \
  X(kMessageType, "message_type", kMessage, "known and expected in this phase")               \
  X(kAttributeHeader, "attribute_header", kMessage,                                           \
    "length within the message; id once; not ignorable ids known")                            \
  X(kAttributeValue, "attribute_value", kMessage, "size and range of its type")               \
  X(kMessageMandatory, "message_mandatory", kMessage, "mandatory attributes present")         \
  X(kFwVersion, "fw_version", kMessage, "at least the minimum")                               \
  X(kFwLinkSpeed, "fw_link_speed", kMessage, "1 .. 4")                                        \
  X(kFwUptime, "fw_uptime", kMessage, "not below the previous one")                           \
  X(kFwError, "fw_error", kMessage, "mapped to an error, never returned raw")                 \
  X(kFwUnsolicited, "fw_unsolicited", kMessage, "a response without a request is dropped")    \
  X(kFwPayload, "fw_payload", kMessage,                                                       \
    "offset and length echo the request, data of that length")                                \
  X(kTcqWord, "tcq_word", kRing, "DONE equals the ring's phase")                              \
  X(kTcdHead, "tcd_head", kField, "within (head, tail] and on a packet boundary")             \
  X(kTcdTimestamp, "tcd_timestamp", kField, "a packet waits for it")                          \
  X(kTcdType, "tcd_type", kField, "0 or 1; type 1 on work queue 0 only")                      \
  X(kRcqWord, "rcq_word", kRing, "DONE equals the ring's phase")                              \
  X(kRcdHeaderId, "rcd_header_id", kField, "an outstanding slot, never an older one")         \
  X(kRcdHeaderOffset, "rcd_header_offset", kField,                                            \
    "after the head room and all data delivered before")                                      \
  X(kRcdHeaderLength, "rcd_header_length", kField,                                            \
    "1 .. end of the fragment minus the tail room")                                           \
  X(kRcdPayloadId, "rcd_payload_id", kField, "an outstanding slot, never an older one")       \
  X(kRcdPayloadOffset, "rcd_payload_offset", kField, "after all data delivered before")       \
  X(kRcdPayloadLength, "rcd_payload_length", kField, "1 .. end of the fragment")              \
  X(kRcdGrammar, "rcd_grammar", kField, "header, payload*, optional metadata, metadata")      \
  X(kRcdSegments, "rcd_segments", kField, "at most the segments of a Packet")                 \
  X(kRcdOptMeta, "rcd_opt_meta", kField, "type 0")                                            \
  X(kRcdMeta, "rcd_meta", kField, "data; error bits drop the packet")

/// Number of an input site.
enum class Site : std::uint16_t {
#define HNI_X(id, name, kind, limit) id,
  HNI_INPUT_SITES(HNI_X)
#undef HNI_X
};

/// Description of an input site.
struct SiteInfo {
  Site id;                ///< number
  std::string_view name;  ///< short name, for counters and probes
  SiteKind kind;          ///< where the value comes from
  std::string_view
      /// What limits the value; shown in documentation and by the refused-input tool.
      limit;
};

/// All sites, in the order of Site.
inline constexpr auto kSites = std::to_array<SiteInfo>({
#define HNI_X(id, name, kind, limit) {Site::id, name, SiteKind::kind, limit},
    HNI_INPUT_SITES(HNI_X)
#undef HNI_X
});
/// Number of sites.
inline constexpr std::size_t kSiteCount = kSites.size();

/// Returns the short name of a site.
/// @param site the site
/// @return a static string
constexpr std::string_view site_name(Site site) {
  return kSites[static_cast<std::size_t>(site)].name;
}

}  // namespace hni
