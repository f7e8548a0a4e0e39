// SPDX-License-Identifier: Apache-2.0
#include "device/classifier.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "device/checksum.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

constexpr std::uint32_t kActEntries = 64;
constexpr std::uint32_t kActWords = 12;  // the last one holds VALIDATE
constexpr std::uint32_t kMacEntries = 32;
constexpr std::uint32_t kMacWords = 4;
constexpr std::uint32_t kIpEntries = 8;
constexpr std::uint32_t kIpWords = 9;
constexpr std::uint32_t kValidate = 1u << 31;

// RSS enable mask, RPC_ACT_TBL1 [device 14.2].
enum HashField : std::uint32_t {
  kHashIpSource = 0x1,
  kHashIpDestination = 0x2,
  kHashL4Source = 0x4,
  kHashL4Destination = 0x8,
  kHashMacDestination = 0x10,
  kHashL4Byte = 0x20,
  kHashInnerFlowLabel = 0x40,
  kHashOuterFlowLabel = 0x80,
  kHashDscp = 0x100,
  kHashL3Protocol = 0x200,
  kHashL4Protocol = 0x400,
};

constexpr std::uint32_t kHintL3 = 2;
constexpr std::uint32_t kHintL4 = 4;

// VALUE [15:0], MASK [31:16] with 1 = ignore.
constexpr std::uint64_t value_of(std::uint32_t word) {
  return word & 0xffff;
}
constexpr std::uint64_t care_of(std::uint32_t word) {
  return ~(word >> 16) & 0xffff;
}

struct Address128 {
  std::uint64_t high = 0, low = 0;
};

// The modelled words of the action key, 16 bits each.
constexpr std::uint64_t action_key(std::uint64_t ip, std::uint64_t flags, std::uint64_t source,
                                   std::uint64_t destination) {
  return ip | flags << 16 | source << 32 | destination << 48;
}

}  // namespace

struct Classifier::Tables {
  struct TcamActionEntry {
    std::uint64_t value, care;
    std::uint8_t index;
  };
  struct TcamMacEntry {
    std::uint64_t value, care;
    std::uint8_t index;
  };
  struct TcamIpEntry {
    Address128 value, care;
    bool v6;
    std::uint8_t index;
  };
  template <class Entry, std::size_t kCount>
  struct Live {  // entries with VALIDATE only, in index order
    std::array<Entry, kCount> entry{};
    std::size_t count = 0;
    void clear() { count = 0; }
    void add(const Entry& e) { entry[count++] = e; }
    std::span<const Entry> all() const { return std::span{entry}.first(count); }
  };
  using IpTable = Live<TcamIpEntry, kIpEntries>;

  // Raw words as written.
  std::array<std::array<std::uint32_t, kActEntries>, kActWords> act{};
  std::array<std::array<std::uint32_t, kMacEntries>, kMacWords> mac{};
  std::array<std::array<std::array<std::uint32_t, kIpEntries>, kIpWords>, 4> ip{};
  std::array<std::array<std::uint32_t, kActEntries + 1>, 2> action{};  // [64] = the default action
  std::array<std::array<std::uint8_t, 256>, 2> rss{};
  std::array<std::uint32_t, Toeplitz::kKeyWords> rss_key{};

  // Decoded.
  bool stale = true;
  bool key_stale = true;
  Live<TcamActionEntry, kActEntries> live_act;
  Live<TcamMacEntry, kMacEntries> live_mac;
  std::array<IpTable, 4> live_ip;
  Toeplitz toeplitz;

  enum : std::size_t { kOuterSource, kOuterDestination, kSource, kDestination };

  void rebuild();
  void rebuild_act();
  void rebuild_ip(std::size_t table);
  std::uint64_t key_of(const ParsedFrame& frame) const;
  std::uint64_t ip_lookup(std::size_t table, const std::byte* address, bool v6) const;
  std::uint64_t ip_key(const ParsedFrame& frame) const;
  std::uint64_t mac_lookup(const ParsedFrame& frame) const;
  std::uint32_t hash(const ParsedFrame& frame, std::uint32_t fields, bool& valid) const;
};

// Decodes the action TCAM [device 14.3]; an entry takes effect with VALIDATE.
void Classifier::Tables::rebuild_act() {
  live_act.clear();
  for (std::uint32_t n = 0; n < kActEntries; ++n) {
    if ((act[kActWords - 1][n] & kValidate) == 0) continue;
    // INTERPRETATION: the words that no source explains (2, 5..10) are compared with zero; the
    // driver always ignores them. An entry that requires a one there matches no frame.
    std::uint64_t wanted = value_of(act[2][n]) & care_of(act[2][n]);
    for (std::uint32_t w = 5; w <= 10; ++w) wanted |= value_of(act[w][n]) & care_of(act[w][n]);
    if (wanted != 0) continue;
    live_act.add({action_key(value_of(act[0][n]), value_of(act[1][n]), value_of(act[3][n]),
                             value_of(act[4][n])),
                  action_key(care_of(act[0][n]), care_of(act[1][n]), care_of(act[3][n]),
                             care_of(act[4][n])),
                  static_cast<std::uint8_t>(n)});
  }
}

// Decodes an IP TCAM [device 14.5].
void Classifier::Tables::rebuild_ip(std::size_t table) {
  const auto& words = ip[table];
  live_ip[table].clear();
  for (std::uint32_t n = 0; n < kIpEntries; ++n) {
    const std::uint32_t control = words[kIpWords - 1][n];
    if ((control & kValidate) == 0) continue;
    TcamIpEntry entry{{}, {}, (control & 1u) != 0, static_cast<std::uint8_t>(n)};
    for (std::uint32_t w = 0; w < 4; ++w) {  // word 0 = last 16 bits of the address
      entry.value.low |= value_of(words[w][n]) << (16 * w);
      entry.care.low |= care_of(words[w][n]) << (16 * w);
      entry.value.high |= value_of(words[w + 4][n]) << (16 * w);
      entry.care.high |= care_of(words[w + 4][n]) << (16 * w);
    }
    live_ip[table].add(entry);
  }
}

void Classifier::Tables::rebuild() {
  stale = false;
  if (key_stale) {
    key_stale = false;
    toeplitz.set_key(rss_key);
  }
  rebuild_act();
  for (std::size_t table = 0; table < ip.size(); ++table) rebuild_ip(table);
  live_mac.clear();
  for (std::uint32_t n = 0; n < kMacEntries; ++n) {
    if ((mac[3][n] & kValidate) == 0) continue;
    live_mac.add({value_of(mac[0][n]) | value_of(mac[1][n]) << 16 | value_of(mac[2][n]) << 32,
                  care_of(mac[0][n]) | care_of(mac[1][n]) << 16 | care_of(mac[2][n]) << 32,
                  static_cast<std::uint8_t>(n)});
  }
}

// Returns index and valid bit in the layout of a 4-bit field of word 0; 0 without a match
// [device 14.5].
std::uint64_t Classifier::Tables::ip_lookup(std::size_t table, const std::byte* address,
                                            bool v6) const {
  const std::span<const TcamIpEntry> entries = live_ip[table].all();
  if (entries.empty()) return 0;
  Address128 key;
  if (v6) {
    key = {load_be64(address), load_be64(address + 8)};
  } else {
    key.low = load_be32(address);  // IPv4 occupies words 0 and 1
  }
  const bool outer = table == kOuterSource || table == kOuterDestination;
  for (const TcamIpEntry& entry : entries) {
    const std::uint64_t difference = ((key.high ^ entry.value.high) & entry.care.high) |
                                     ((key.low ^ entry.value.low) & entry.care.low);
    if (difference == 0 && (outer || entry.v6 == v6)) return std::uint64_t{entry.index} | 1u << 3;
  }
  return 0;
}

// Word 0 of the action key: the four IP lookup results [device 14.3].
std::uint64_t Classifier::Tables::ip_key(const ParsedFrame& frame) const {
  if (!frame.is_ip()) return 0;
  const std::byte* data = frame.bytes.data();
  const bool v6 = frame.inner_is_v6();
  const std::byte* source = data + frame.inner_offset + (v6 ? 8 : 12);
  std::uint64_t key = ip_lookup(kSource, source, v6);
  key |= ip_lookup(kDestination, source + (v6 ? 16 : 4), v6) << 4;
  if (frame.is_tunnel()) {
    const std::byte* outer = data + frame.l3_offset + 8;
    key |= ip_lookup(kOuterSource, outer, true) << 8;
    key |= ip_lookup(kOuterDestination, outer + 16, true) << 12;
  }
  return key;
}

// Returns MACDA_IDX [9:5] and MACDA_VALID [10] of word 1 [device 14.4].
std::uint64_t Classifier::Tables::mac_lookup(const ParsedFrame& frame) const {
  if (frame.bytes.size() < 6) return 0;
  const std::byte* data = frame.bytes.data();
  const std::uint64_t address = std::uint64_t{load_be16(data)} << 32 | load_be32(data + 2);
  for (const TcamMacEntry& entry : live_mac.all()) {
    if (((address ^ entry.value) & entry.care) == 0) {
      return std::uint64_t{entry.index} << 5 | 1u << 10;
    }
  }
  return 0;
}

// Builds the key that the action TCAM compares [device 14.3].
std::uint64_t Classifier::Tables::key_of(const ParsedFrame& frame) const {
  std::uint64_t flags = mac_lookup(frame);
  if (frame.inner_is_v6()) flags |= 1u << 11;
  if (frame.is_ip()) flags |= 1u << 12;
  if (frame.is_tunnel()) flags |= 1u << 13;
  if (frame.l4 == spec::L4_TYPE::UDP) flags |= 1u << 14;
  if (frame.has_l4()) flags |= 1u << 15;
  return action_key(ip_key(frame), flags, frame.source_port, frame.destination_port);
}

// Hashes the enabled fields [device 14.8]. INTERPRETATION: a field that the frame does not have is
// omitted; of IPv6-in-IPv6 the inner addresses are used; optional fields follow the four standard
// ones, each padded to whole bytes.
std::uint32_t Classifier::Tables::hash(const ParsedFrame& frame, std::uint32_t fields,
                                       bool& valid) const {
  std::array<std::uint8_t, Toeplitz::kMaxInputBytes> input;
  std::size_t used = 0;
  const std::byte* data = frame.bytes.data();
  const auto put = [&](const std::byte* from, std::size_t bytes) {
    std::memcpy(input.data() + used, from, bytes);
    used += bytes;
  };
  const bool v6 = frame.inner_is_v6();
  if (frame.is_ip()) {
    const std::size_t width = v6 ? 16 : 4;
    const std::byte* source = data + frame.inner_offset + (v6 ? 8 : 12);
    if ((fields & kHashIpSource) != 0) put(source, width);
    if ((fields & kHashIpDestination) != 0) put(source + width, width);
  }
  if (frame.has_l4()) {
    if ((fields & kHashL4Source) != 0) put(data + frame.l4_offset, 2);
    if ((fields & kHashL4Destination) != 0) put(data + frame.l4_offset + 2, 2);
  }
  if ((fields & kHashMacDestination) != 0 && frame.bytes.size() >= 6) put(data, 6);
  if ((fields & ~0x1fu) != 0) {
    const std::byte* inner = data + frame.inner_offset;
    if ((fields & kHashL4Byte) != 0 && frame.has_l4()) put(data + frame.l4_offset, 1);
    if ((fields & kHashInnerFlowLabel) != 0 && v6) put(inner + 1, 3);
    if ((fields & kHashOuterFlowLabel) != 0 && frame.is_tunnel())
      put(data + frame.l3_offset + 1, 3);
    if ((fields & kHashDscp) != 0 && frame.is_ip()) put(inner + (v6 ? 0 : 1), 1);
    const auto protocol = static_cast<std::byte>(frame.ip_protocol);
    if ((fields & kHashL3Protocol) != 0 && frame.l3_offset >= 14) {
      put(data + frame.l3_offset - 2, 2);
    }
    if ((fields & kHashL4Protocol) != 0 && frame.is_ip()) put(&protocol, 1);
  }
  valid = used != 0;
  return toeplitz.hash(std::span{input}.first(used));
}

Classifier::Classifier() : tables_(std::make_unique<Tables>()) {}
Classifier::~Classifier() = default;

void Classifier::reset() {
  std::destroy_at(tables_.get());
  std::construct_at(tables_.get());
  rmi_config_ = {};
  ++version_;
}

namespace {

// Stores `value` if `byte_offset` is inside a block of `kRows` x `kColumns` words that begins at
// `base`.
template <std::size_t kRows, std::size_t kColumns>
bool store(std::array<std::array<std::uint32_t, kColumns>, kRows>& block, std::uint32_t base,
           std::uint32_t byte_offset, std::uint32_t value) {
  if (byte_offset < base) return false;
  const std::uint32_t word = (byte_offset - base) / 4;
  if (word >= kRows * kColumns) return false;
  block[word / kColumns][word % kColumns] = value;
  return true;
}

}  // namespace

void Classifier::changed(std::uint32_t byte_offset, std::uint32_t value) {
  using namespace spec;
  Tables& t = *tables_;
  ++version_;
  const std::uint32_t at = byte_offset & ~3u;
  const auto in = [at](std::uint32_t base, std::uint32_t words) {
    return at >= base && at < base + 4 * words;
  };
  if (in(RPC_RSS_TBL::kByteOffset, 512)) {
    const std::uint32_t word = (at - RPC_RSS_TBL::kByteOffset) / 4;
    t.rss[word / 256][word % 256] = static_cast<std::uint8_t>(value & 0xff);
  } else if (in(RPC_ACT_TBL0::kByteOffset, kActEntries)) {
    t.action[0][(at - RPC_ACT_TBL0::kByteOffset) / 4] = value;
  } else if (in(RPC_ACT_TBL1::kByteOffset, kActEntries)) {
    t.action[1][(at - RPC_ACT_TBL1::kByteOffset) / 4] = value;
  } else if (at == RPC_ACT_TBL0_DEFAULT::kByteOffset) {
    t.action[0][kActEntries] = value;
  } else if (at == RPC_ACT_TBL1_DEFAULT::kByteOffset) {
    t.action[1][kActEntries] = value;
  } else if (at == RPC_RMI_CONFIG::kByteOffset) {
    rmi_config_.raw = value;
  } else if (in(RPC_RSS_KEY::kByteOffset, Toeplitz::kKeyWords)) {
    std::uint32_t& word = t.rss_key[(at - RPC_RSS_KEY::kByteOffset) / 4];
    // Drivers write the whole key at each start, and its table takes longest to compute.
    if (std::exchange(word, value) != value) t.key_stale = t.stale = true;
  } else if (store(t.act, RPC_TCAM_ACT::kByteOffset, at, value) ||
             store(t.mac, RPC_TCAM_MACDA::kByteOffset, at, value) ||
             store(t.ip[Tables::kOuterSource], RPC_TCAM_OUTER_IPSRC::kByteOffset, at, value) ||
             store(t.ip[Tables::kOuterDestination], RPC_TCAM_OUTER_IPDST::kByteOffset, at,
                   value) ||
             store(t.ip[Tables::kSource], RPC_TCAM_IPSRC::kByteOffset, at, value) ||
             store(t.ip[Tables::kDestination], RPC_TCAM_IPDST::kByteOffset, at, value)) {
    t.stale = true;
  }
}

bool Classifier::serves_host() {
  Tables& t = *tables_;
  if (!enabled()) return false;
  if (t.stale) t.rebuild();
  const auto to_host = [&](std::size_t action) {
    const spec::RPC_ACT_TBL0 act{t.action[0][action]};
    return act.DROP() == 0 && (act.DEST() & 1u) != 0;
  };
  if (to_host(kActEntries)) return true;
  const auto entries = t.live_act.all();
  return t.live_mac.count != 0 &&
         std::any_of(entries.begin(), entries.end(),
                     [&](const Tables::TcamActionEntry& entry) { return to_host(entry.index); });
}

namespace {

// Selects the split point: the highest level that is both requested and present [device 13.5].
void choose_header(const ParsedFrame& frame, Decision& decision) {
  if ((decision.dma_hint & kHintL4) != 0 && frame.has_l4()) {
    decision.hint_used = kHintL4;
    decision.header_bytes = frame.l4_end;
  } else if ((decision.dma_hint & (kHintL4 | kHintL3)) != 0 && frame.is_ip()) {
    decision.hint_used = kHintL3;
    decision.header_bytes = frame.l4_offset;
  } else {
    decision.hint_used = 1;
    decision.header_bytes = frame.l3_offset;
  }
}

}  // namespace

// Looks up the action [device 14.2, 14.3], then the queue: Q_ID or the RSS table [device 14.8].
Decision Classifier::classify(const ParsedFrame& frame) {
  Tables& t = *tables_;
  Decision decision;
  if (t.stale) t.rebuild();
  decision.oversize = frame.bytes.size() > mtu_bytes();
  if (!enabled() || decision.oversize) return decision;

  const std::uint64_t key = t.key_of(frame);
  std::size_t action = kActEntries;
  for (const Tables::TcamActionEntry& entry : t.live_act.all()) {
    if (((key ^ entry.value) & entry.care) == 0) {
      action = entry.index;
      break;
    }
  }
  decision.action_hit = action != kActEntries;
  decision.action_index = static_cast<std::uint8_t>(action % kActEntries);

  const spec::RPC_ACT_TBL0 act{t.action[0][action]};
  decision.drop = act.DROP() != 0;
  decision.destinations = static_cast<std::uint8_t>(act.DEST());
  decision.timestamp = act.TS_ENA() != 0;
  decision.report_action = act.ACT_TBL_IDX() != 0;
  decision.dma_hint = static_cast<std::uint16_t>(act.DMA_HINT());
  decision.hash = t.hash(frame, t.action[1][action] & 0xffff, decision.hash_valid);
  decision.from_table = act.Q_SEL() == 0;
  decision.queue = decision.from_table ? t.rss[act.RSS_CTXT_ID()][decision.hash & 0xff]
                                       : static_cast<std::uint8_t>(act.Q_ID());
  choose_header(frame, decision);
  return decision;
}

void TxClassifier::changed(std::uint32_t byte_offset, std::uint32_t value) {
  using namespace spec;
  const std::uint32_t at = byte_offset & ~3u;
  if (at == TCE_TCAM_IDX2DEST_MAP::kByteOffset) destination_map_ = value;
  if (at == TCE_TXB_CTRL::kByteOffset) txb_ctrl_ = value;
  if (!store(words_, TCE_RAM_TCAM::kByteOffset, at, value)) return;
  const std::uint32_t entry = (at - TCE_RAM_TCAM::kByteOffset) / 4 % 8;
  const bool live = (words_[3][entry] & kValidate) != 0;
  const auto bit = static_cast<std::uint8_t>(1u << entry);
  live_ = static_cast<std::uint8_t>(live ? live_ | bit : live_ & ~bit);
}

// Matches the destination address against the TCE TCAM [device 14.7].
std::uint8_t TxClassifier::destinations(std::span<const std::byte> frame,
                                        std::uint8_t requested) const {
  const spec::TCE_TXB_CTRL ctrl{txb_ctrl_};
  if (live_ == 0 || ctrl.TCAM_ENABLE() == 0 || frame.size() < 6) return requested;
  const std::array<std::uint32_t, 3> address{load_be16(&frame[4]), load_be16(&frame[2]),
                                             load_be16(&frame[0])};
  for (unsigned entry = 0; entry < 8; ++entry) {
    if ((live_ & 1u << entry) == 0) continue;
    std::uint32_t difference = 0;  // MASK [15:0], VALUE [31:16] here: swapped [device 23 trap 15]
    for (unsigned w = 0; w < 3; ++w) {
      const std::uint32_t word = words_[w][entry];
      difference |= (address[w] ^ word >> 16) & ~word & 0xffff;
    }
    // INTERPRETATION: the entry's destinations replace those that the descriptor requested.
    if (difference == 0) return static_cast<std::uint8_t>(destination_map_ >> (4 * entry) & 0xf);
  }
  return requested;
}

}  // namespace hni::device
