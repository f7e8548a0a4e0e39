// SPDX-License-Identifier: Apache-2.0
/// Capture files as a wire, and a recorder around any wire (libpcap).
///
/// Times in files are the card's virtual nanoseconds. libpcap buffers writes; `flush` or the
/// destructor completes the file.
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
/// Deleter.
struct PcapClose {
  /// Closes a capture handle.
  /// @param handle the handle
  void operator()(pcap* handle) const;
};
/// Deleter.
struct PcapDumpClose {
  /// Closes a dumper.
  /// @param dumper the dumper
  void operator()(pcap_dumper* dumper) const;
};
}  // namespace detail

/// Writes Ethernet frames with nanosecond timestamps.
class PcapWriter {
 public:
  /// Creates a file; an existing one is overwritten.
  /// @param path the file
  /// @return the writer, or why it failed
  static tl::expected<PcapWriter, WireError> open(const std::string& path);

  /// Appends a frame.
  /// @param frame the bytes
  /// @param time_ns its timestamp
  void write(std::span<const std::byte> frame, std::uint64_t time_ns);
  /// Writes buffered frames.
  /// @return false if the file could not be written
  bool flush();
  /// @return frames written
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
  /// Opens a file.
  /// @param path the file
  /// @return the reader, or why it failed
  static tl::expected<PcapReader, WireError> open(const std::string& path);

  /// A captured frame.
  struct Frame {
    /// Valid until the next call of `next`.
    std::span<const std::byte> bytes;
    /// Timestamp.
    std::uint64_t time_ns = 0;
  };
  /// Reads the next frame that a card's MAC can carry.
  /// @return nullopt at the end or at the first malformed record
  std::optional<Frame> next();
  /// @return frames skipped: truncated by the capture, shorter than a header, or longer than
  ///     kMaxFrameBytes
  std::uint64_t skipped() const { return skipped_; }
  /// @return why reading ended before the end of the file, one line; empty if it did not
  const std::string& broken() const { return broken_; }

 private:
  PcapReader() = default;
  std::unique_ptr<pcap, detail::PcapClose> handle_;
  std::string path_;
  std::uint64_t skipped_ = 0;
  std::string broken_;
};

/// Plays one file into the card and records what the card sends into another; both are optional.
class PcapWire final : public Wire {
 public:
  /// Creates the wire.
  /// @param in file to play
  /// @param out file to record
  /// @param paced true: keep the distances between the frames of the file, counted from the first
  ///     `poll`; false: as fast as the card polls
  PcapWire(std::optional<PcapReader> in, std::optional<PcapWriter> out, bool paced = false)
      : in_(std::move(in)), out_(std::move(out)), paced_(paced) {}

  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { pause_ = on; }
  bool peer_pause() const override { return false; }
  bool link() const override { return true; }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  /// @return true once the whole input was delivered, or without input
  bool finished() const { return !in_ || (ended_ && !pending_); }
  /// @return the input; null without one
  const PcapReader* input() const { return in_ ? &*in_ : nullptr; }
  /// @return the output; null without one
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

/// Forwards everything to another wire and records both directions.
class RecordingWire final : public Wire {
 public:
  /// Wraps a wire; both arguments must outlive it.
  /// @param inner the wire
  /// @param writer receives the frames
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
