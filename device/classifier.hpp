// SPDX-License-Identifier: Apache-2.0
// The receive classifier: TCAMs, action tables, RSS [device 14.1 to 14.6, 14.8].
//
// The register file stores the raw words; the card tells the classifier of every write into the
// RPC and RPC_RAM ranges by `changed(byte_offset, value)`, and the classifier keeps a decoded,
// compact copy: only live entries, in index order, so that a look-up compares few words.
// Rebuilding happens at the first `classify` after a change, never for a frame that follows no
// change. Nothing is allocated after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "device/parser.hpp"
#include "device/toeplitz.hpp"
#include "openhni/spec/enums.hpp"

namespace hni::device {

/// What the action tables say about one frame.
struct Decision {
  bool drop = true;               ///< nothing goes anywhere (DROP set, or the classifier disabled)
  bool oversize = false;          ///< longer than RMI_CONFIG.MTU: dropped, OVR_SIZE_ERR
  std::uint8_t destinations = 0;  ///< bit 0 host, bit 1 BMC, bit 2 EI
  std::uint8_t queue = 0;   ///< receive queue; 0..255, the card has 128: a higher one has no queue
  bool from_table = false;  ///< queue came from an RSS table, not from Q_ID
  std::uint32_t hash = 0;   ///< RCD META.RSS_HASH; 0 when no field was enabled or found
  bool hash_valid = false;
  bool timestamp = false;      ///< TS_ENA: put the time into OPT_META
  bool report_action = false;  ///< ACT_TBL_IDX: put action_index into OPT_META
  bool action_hit = false;     ///< an action TCAM entry matched; false: the default action
  std::uint8_t action_index = 0;
  std::uint16_t dma_hint = 0;      ///< as programmed: 1 L2, 2 L3, 4 L4
  std::uint8_t hint_used = 1;      ///< the level really used, one bit: RCD HDR_AL.DMA_HINT
  std::uint16_t header_bytes = 0;  ///< split point: headers up to and including that level

  bool to_host() const { return !drop && (destinations & 1u) != 0; }
  bool to_bmc() const { return !drop && (destinations & 2u) != 0; }
};

class Classifier {
 public:
  Classifier();
  ~Classifier();
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

  /// True for BAR0 byte offsets whose writes the classifier wants to see.
  static constexpr bool owns(std::uint32_t byte_offset) {
    return byte_offset >= 0x21000 && byte_offset < 0x24000;
  }
  /// The register at `byte_offset` (BAR0) now holds `value`. Offsets it does not know are ignored.
  void changed(std::uint32_t byte_offset, std::uint32_t value);

  /// The decision for one frame. Frames longer than the MTU and a disabled classifier give a drop.
  Decision classify(const ParsedFrame& frame);

  /// RPC_RMI_CONFIG: ENABLE and MTU (bytes, header included, FCS not).
  bool enabled() const;
  std::uint32_t mtu_bytes() const;

  /// All tables empty, classifier disabled: the state after a reset of the register file.
  void reset();

 private:
  struct Tables;  // decoded copies, allocated once
  std::unique_ptr<Tables> tables_;
};

/// Copies transmitted frames to the BMC by destination address (TCE TCAM) [device 14.7].
class TxClassifier {
 public:
  static constexpr std::uint8_t kMac = 1, kBmc = 2, kFirmware = 4;

  static constexpr bool owns(std::uint32_t byte_offset) {
    return (byte_offset >= 0x10800 && byte_offset < 0x10880) || byte_offset == 0x10128 ||
           byte_offset == 0x10008;
  }
  void changed(std::uint32_t byte_offset, std::uint32_t value);
  /// Destination bits for a frame whose descriptor asked for `requested` (kMac when it asked
  /// nothing).
  std::uint8_t destinations(std::span<const std::byte> frame, std::uint8_t requested) const;
  void reset() { *this = TxClassifier{}; }

 private:
  std::array<std::array<std::uint32_t, 8>, 4> words_{};  // three address words, then TCAM3
  std::uint32_t destination_map_ = 0;
  std::uint32_t txb_ctrl_ = 0;
  std::uint8_t live_ = 0;  // bit per entry with VALIDATE
};

}  // namespace hni::device
