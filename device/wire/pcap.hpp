// SPDX-License-Identifier: Apache-2.0
// Capture files as a wire, and a recorder around any wire (libpcap).
//
// Times in files are the card's virtual nanoseconds. Writing is buffered by libpcap; `flush` or
// the destructor completes the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "device/wire.hpp"
#include "device/wire/wire_error.hpp"

struct pcap;
struct pcap_dumper;

namespace hni::device {

namespace detail {
struct PcapClose {
  void operator()(pcap* handle) const;
};
struct PcapDumpClose {
  void operator()(pcap_dumper* dumper) const;
};
}  // namespace detail

/// Writes Ethernet frames with nanosecond times.
class PcapWriter {
 public:
  /// An existing file is overwritten.
  static tl::expected<PcapWriter, WireError> open(const std::string& path);

  void write(std::span<const std::byte> frame, std::uint64_t time_ns);
  /// False when the disk refused bytes.
  bool flush();
  std::uint64_t frames() const { return frames_; }

 private:
  PcapWriter() = default;
  std::unique_ptr<pcap, detail::PcapClose> handle_;
  std::unique_ptr<pcap_dumper, detail::PcapDumpClose> dumper_;
  std::uint64_t frames_ = 0;
};

/// Reads a capture of Ethernet frames, frame by frame.
class PcapReader {
 public:
  static tl::expected<PcapReader, WireError> open(const std::string& path);

  struct Frame {
    std::span<const std::byte> bytes;  ///< valid until the next call of `next`
    std::uint64_t time_ns = 0;
  };
  /// The next frame that a card's MAC can carry; nothing at the end or at the first broken record.
  std::optional<Frame> next();
  /// Frames left out: cut by the capture, shorter than a header, or longer than kMaxFrameBytes.
  std::uint64_t skipped() const { return skipped_; }
  /// Not empty when the file broke off before its end: one line that says how.
  const std::string& broken() const { return broken_; }

 private:
  PcapReader() = default;
  std::unique_ptr<pcap, detail::PcapClose> handle_;
  std::string path_;
  std::uint64_t skipped_ = 0;
  std::string broken_;
};

/// Plays one file into the card and records what the card sends into another; either may be
/// absent.
class PcapWire final : public Wire {
 public:
  /// `paced`: keep the distances between the frames of the file, counted from the first `poll`;
  /// otherwise as fast as the card polls.
  PcapWire(std::optional<PcapReader> in, std::optional<PcapWriter> out, bool paced = false)
      : in_(std::move(in)), out_(std::move(out)), paced_(paced) {}

  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { pause_ = on; }
  bool peer_pause() const override { return false; }
  bool link() const override { return true; }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  /// True when the whole input was delivered (or there was none).
  bool finished() const { return !in_ || (ended_ && !pending_); }
  const PcapReader* input() const { return in_ ? &*in_ : nullptr; }
  PcapWriter* output() { return out_ ? &*out_ : nullptr; }

 private:
  std::optional<PcapReader> in_;
  std::optional<PcapWriter> out_;
  bool paced_;
  bool pause_ = false;
  bool ended_ = false;
  std::optional<PcapReader::Frame> pending_;
  std::optional<std::uint64_t> first_file_ns_;
  std::uint64_t first_poll_ns_ = 0;
};

/// Passes everything through to `inner` and records both directions.
class RecordingWire final : public Wire {
 public:
  RecordingWire(Wire& inner, PcapWriter& writer) : inner_(inner), writer_(writer) {}

  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { inner_.set_pause(on); }
  bool peer_pause() const override { return inner_.peer_pause(); }
  bool link() const override { return inner_.link(); }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

 private:
  Wire& inner_;
  PcapWriter& writer_;
};

}  // namespace hni::device
