// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The input sites: every place where a value that the device controls enters the driver. The list
/// feeds the refusal counters, the probe names, the recorder, the fault injector and the corpus
/// check. To add a site: add a line with the next free number, read through CheckedIo under that
/// name, and state in the last column what limits the value. Numbers never change (corpus files and
/// recordings carry them); the order of the lines has no meaning.
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

// X(number, enumerator, name, kind, limit)
#define HNI_INPUT_SITES(X)                                                                       \
  X(0, kPresence, "presence", kRegister, "all ones twice: the device was removed")               \
  X(1, kIntrStatus, "intr_status", kRegister, "bit 0 only; polled until a deadline")             \
  X(2, kIntrMask, "intr_mask", kRegister, "self test only")                                      \
  X(3, kIdle, "idle", kRegister, "all ones or not; polled until a deadline")                     \
  X(4, kQueueCtl, "queue_ctl", kRegister, "one bit, once per second: queue enabled")             \
  X(5, kQueueReadback, "queue_readback", kRegister, "self test compares it")                     \
  X(6, kSetupReadback, "setup_readback", kRegister,                                              \
    "fields kept by a read-modify-write of the global set-up")                                   \
  X(7, kRmiConfig, "rmi_config", kRegister, "one bit: management traffic enabled")               \
  X(8, kPbufCfg, "pbuf_cfg", kRegister, "size field within the packet buffer")                   \
  X(9, kPcsIntrStatus, "pcs_intr_status", kRegister, "two bits; at most one link test per call") \
  X(10, kPcsOut0, "pcs_out0", kRegister, "compared exactly with the lock pattern")               \
  X(11, kPcsOut1, "pcs_out1", kRegister, "compared exactly with the lock pattern")               \
  X(12, kXpcs, "xpcs", kRegister, "compared; polls bounded in steps")                            \
  X(13, kFecCounter, "fec_counter", kRegister, "data; 16 bits of each half")                     \
  X(14, kMacSignal, "mac_signal", kRegister, "fields kept by a read-modify-write")               \
  X(15, kPauseStorm, "pause_storm", kRegister, "one bit, once per second")                       \
  X(16, kCounter32, "counter32", kRegister, "data; difference modulo 2^32")                      \
  X(17, kCounter64High, "counter64_high", kRegister, "data; at most three attempts")             \
  X(18, kCounter64Low, "counter64_low", kRegister, "data")                                       \
  X(19, kClockHigh, "clock_high", kRegister, "data; at most four attempts")                      \
  X(20, kClockLow, "clock_low", kRegister, "data")                                               \
  X(21, kOtpStatus, "otp_status", kRegister, "non-zero is reported")                             \
  X(22, kDump, "register_dump", kRegister, "data, shown only")                                   \
  X(23, kMailboxLow, "mailbox_low", kMailbox, "flags; the address part is ignored")              \
  X(24, kMailboxHigh, "mailbox_high", kMailbox, "length at most the posted page")                \
  X(25, kMailboxLength, "mailbox_length", kField, "4 .. 4096 bytes")                             \
  X(26, kMessageBytes, "message_bytes", kMessage, "copied once into private memory")             \
  X(27, kMessageHeader, "message_header", kMessage,                                              \
    "type is a message; length at most the descriptor's")                                        \
  X(28, kMessageType, "message_type", kMessage, "known and expected in this phase")              \
  X(29, kAttributeHeader, "attribute_header", kMessage,                                          \
    "length within the message; id once; not ignorable ids known")                               \
  X(30, kAttributeValue, "attribute_value", kMessage, "size and range of its type")              \
  X(31, kMessageMandatory, "message_mandatory", kMessage, "mandatory attributes present")        \
  X(32, kFwVersion, "fw_version", kMessage, "at least the minimum")                              \
  X(33, kFwLinkSpeed, "fw_link_speed", kMessage, "1 .. 4")                                       \
  X(34, kFwUptime, "fw_uptime", kMessage, "not below the previous one")                          \
  X(35, kFwError, "fw_error", kMessage, "mapped to an error, never returned raw")                \
  X(36, kFwUnsolicited, "fw_unsolicited", kMessage, "a response without a request is dropped")   \
  X(37, kFwPayload, "fw_payload", kMessage,                                                      \
    "offset and length echo the request, data of that length")                                   \
  X(38, kTcqWord, "tcq_word", kRing, "DONE equals the ring's phase")                             \
  X(39, kTcdHead, "tcd_head", kField, "within (head, tail] and on a packet boundary")            \
  X(40, kTcdTimestamp, "tcd_timestamp", kField, "a packet waits for it")                         \
  X(41, kTcdType, "tcd_type", kField, "0 or 1; type 1 on work queue 0 only")                     \
  X(42, kRcqWord, "rcq_word", kRing, "DONE equals the ring's phase")                             \
  X(43, kRcdHeaderId, "rcd_header_id", kField, "an outstanding slot, never an older one")        \
  X(44, kRcdHeaderOffset, "rcd_header_offset", kField,                                           \
    "after the head room and all data delivered before")                                         \
  X(45, kRcdHeaderLength, "rcd_header_length", kField,                                           \
    "1 .. end of the fragment minus the tail room")                                              \
  X(46, kRcdPayloadId, "rcd_payload_id", kField, "an outstanding slot, never an older one")      \
  X(47, kRcdPayloadOffset, "rcd_payload_offset", kField, "after all data delivered before")      \
  X(48, kRcdPayloadLength, "rcd_payload_length", kField, "1 .. end of the fragment")             \
  X(49, kRcdGrammar, "rcd_grammar", kField, "header, payload*, optional metadata, metadata")     \
  X(50, kRcdSegments, "rcd_segments", kField, "at most the segments of a Packet")                \
  X(51, kRcdOptMeta, "rcd_opt_meta", kField, "type 0")                                           \
  X(52, kRcdMeta, "rcd_meta", kField, "data; error bits drop the packet")

/// Number of an input site. Scripts, recordings and probes carry it.
enum class Site : std::uint16_t {
#define HNI_X(number, id, name, kind, limit) id = number,
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

namespace site_detail {
inline constexpr auto kAsListed = std::to_array<SiteInfo>({
#define HNI_X(number, id, name, kind, limit) {Site::id, name, SiteKind::kind, limit},
    HNI_INPUT_SITES(HNI_X)
#undef HNI_X
});
constexpr auto by_number() {
  auto sites = kAsListed;
  for (const SiteInfo& site : kAsListed) sites.at(static_cast<std::size_t>(site.id)) = site;
  return sites;
}
}  // namespace site_detail

/// All sites, in the order of their numbers.
inline constexpr auto kSites = site_detail::by_number();
/// Number of sites.
inline constexpr std::size_t kSiteCount = kSites.size();
static_assert(
    [] {
      for (std::size_t i = 0; i < kSiteCount; ++i)
        if (static_cast<std::size_t>(kSites[i].id) != i) return false;
      return true;
    }(),
    "two input sites have the same number: a new one takes the number of sites so far");

/// Returns the short name of a site.
/// @param site the site
/// @return a static string
constexpr std::string_view site_name(Site site) {
  return kSites[static_cast<std::size_t>(site)].name;
}

}  // namespace hni
