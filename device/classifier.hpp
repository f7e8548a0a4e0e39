// SPDX-License-Identifier: Apache-2.0
/// The receive classifier: TCAMs, action tables, RSS [device 14.1 to 14.6, 14.8].
///
/// The register file stores the raw words. The card reports every write into the RPC and RPC_RAM
/// ranges by `changed(byte_offset, value)`, and the classifier keeps a decoded, compact copy: live
/// entries only, in index order, so that a lookup compares few words. The copy is rebuilt at the
/// first `classify` after a change. Nothing is allocated after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "device/parser.hpp"
#include "device/toeplitz.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/registers.hpp"

namespace hni::device {

/// Decision of the action tables about one frame.
struct Decision {
  /// Dropped: DROP was set, or the classifier is disabled.
  bool drop = true;
  /// Longer than RMI_CONFIG.MTU: dropped, OVR_SIZE_ERR.
  bool oversize = false;
  /// Bit 0 host, bit 1 BMC, bit 2 EI.
  std::uint8_t destinations = 0;
  /// Receive queue, 0..255. The card has 128; a higher number has no queue.
  std::uint8_t queue = 0;
  /// `queue` came from an RSS table, not from Q_ID.
  bool from_table = false;
  /// RCD META.RSS_HASH; 0 if no field was enabled or present.
  std::uint32_t hash = 0;
  /// A hash was computed.
  bool hash_valid = false;
  /// TS_ENA: put the time into OPT_META.
  bool timestamp = false;
  /// ACT_TBL_IDX: put action_index into OPT_META.
  bool report_action = false;
  /// An action TCAM entry matched; false: the default action.
  bool action_hit = false;
  /// Matching entry.
  std::uint8_t action_index = 0;
  /// As programmed: 1 L2, 2 L3, 4 L4.
  std::uint16_t dma_hint = 0;
  /// Level that was used, one bit: RCD HDR_AL.DMA_HINT.
  std::uint8_t hint_used = 1;
  /// Split point: headers up to and including that level.
  std::uint16_t header_bytes = 0;

  /// @return true if the host receives the frame
  bool to_host() const { return !drop && (destinations & 1u) != 0; }
  /// @return true if the BMC receives the frame
  bool to_bmc() const { return !drop && (destinations & 2u) != 0; }
};

/// The receive classifier.
class Classifier {
 public:
  /// Creates a disabled classifier with empty tables.
  Classifier();
  /// Frees the decoded tables.
  ~Classifier();
  /// Not copyable.
  Classifier(const Classifier&) = delete;
  /// Not copyable.
  Classifier& operator=(const Classifier&) = delete;

  /// Tests whether writes to a register must be reported to changed().
  /// @param byte_offset offset in BAR0
  /// @return true if so
  static constexpr bool owns(std::uint32_t byte_offset) {
    return byte_offset >= 0x21000 && byte_offset < 0x24000;
  }
  /// Handles a register write; unknown offsets are ignored.
  /// @param byte_offset offset in BAR0
  /// @param value value that the register now holds
  void changed(std::uint32_t byte_offset, std::uint32_t value);

  /// Classifies a frame. Frames longer than the MTU are dropped, as are all while the classifier
  /// is disabled.
  /// @param frame the parsed frame
  /// @return the decision
  Decision classify(const ParsedFrame& frame);

  /// @return RPC_RMI_CONFIG.ENABLE
  bool enabled() const { return rmi_config_.ENABLE() != 0; }
  /// @return RPC_RMI_CONFIG.MTU, bytes with header and without FCS
  std::uint32_t mtu_bytes() const { return rmi_config_.MTU(); }
  /// @return a number, not 0, that changes with every write to a table or register that
  ///     classify() depends on: equal headers have equal decisions until then
  std::uint64_t version() const { return version_; }
  /// Tests whether some frame can reach the host: enabled, and either the default action or a
  /// valid entry, with a valid address, leads there.
  /// @return true if so
  bool serves_host();

  /// Empties all tables and disables the classifier, as a reset of the register file does.
  void reset();

 private:
  struct Tables;  // decoded copies, allocated once
  std::unique_ptr<Tables> tables_;
  spec::RPC_RMI_CONFIG rmi_config_{};
  std::uint64_t version_ = 1;
};

/// Copies transmitted frames to the BMC by destination address (TCE TCAM) [device 14.7].
class TxClassifier {
 public:
  ///@{
  /// Destination bits.
  static constexpr std::uint8_t kMac = 1, kBmc = 2, kFirmware = 4;
  ///@}

  /// Tests whether writes to a register must be reported to changed().
  /// @param byte_offset offset in BAR0
  /// @return true if so
  static constexpr bool owns(std::uint32_t byte_offset) {
    return (byte_offset >= 0x10800 && byte_offset < 0x10880) || byte_offset == 0x10128 ||
           byte_offset == 0x10008;
  }
  /// Handles a register write; unknown offsets are ignored.
  /// @param byte_offset offset in BAR0
  /// @param value value that the register now holds
  void changed(std::uint32_t byte_offset, std::uint32_t value);
  /// Determines the destinations of a frame.
  /// @param frame the bytes
  /// @param requested destination bits of its descriptor; kMac if it has none
  /// @return destination bits
  std::uint8_t destinations(std::span<const std::byte> frame, std::uint8_t requested) const;
  /// Empties the table.
  void reset() { *this = TxClassifier{}; }

 private:
  std::array<std::array<std::uint32_t, 8>, 4> words_{};  // three address words, then TCAM3
  std::uint32_t destination_map_ = 0;
  std::uint32_t txb_ctrl_ = 0;
  std::uint8_t live_ = 0;  // bit per entry with VALIDATE
};

}  // namespace hni::device
