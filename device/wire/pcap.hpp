// SPDX-License-Identifier: Apache-2.0
/// Capture files as a wire, and a recorder around any wire (libpcap).
///
/// Times in files are the card's virtual nanoseconds. Neither side waits for another process:
/// input
/// is a regular file, and output to a pipe whose reader is slow drops whole records and counts
/// them.
#pragma once

#include <chrono>
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
  /// Creates a file; an existing one is overwritten. A pipe needs a reader that has opened it.
  /// @param path the file
  /// @return the writer, or why it failed
  static tl::expected<PcapWriter, WireError> open(const std::string& path);
  /// Moves the file.
  PcapWriter(PcapWriter&&) noexcept;
  /// Completes the own file, then moves the other one.
  /// @return *this
  PcapWriter& operator=(PcapWriter&&) noexcept;
  /// Completes the file, as flush().
  ~PcapWriter();

  /// Appends a frame. After an output error, or while a pipe is full, it is dropped and counted in
  /// lost().
  /// @param frame the bytes
  /// @param time_ns its timestamp
  void write(std::span<const std::byte> frame, std::uint64_t time_ns);
  /// Writes buffered frames.
  /// @param patience time that the reader of a pipe has
  /// @return false if bytes were refused or are left: error() has the reason
  bool flush(std::chrono::milliseconds patience = std::chrono::seconds(1));
  /// @return frames in the file or in the buffer
  std::uint64_t frames() const { return frames_; }
  /// @return frames that could not be written
  std::uint64_t lost() const { return lost_; }
  /// @return after the output failed one line that names the file and the reason, else empty
  std::string error() const;

 private:
  struct Output;

  PcapWriter();
  std::string path_;
  std::unique_ptr<Output> output_;  ///< outlives dumper_, which writes into it
  std::unique_ptr<pcap, detail::PcapClose> handle_;
  std::unique_ptr<pcap_dumper, detail::PcapDumpClose> dumper_;
  std::uint64_t frames_ = 0;
  std::uint64_t lost_ = 0;
};

/// Records of a capture that do not hold a frame that a card's MAC can carry, by reason.
struct PcapLeftOut {
  std::uint64_t cut = 0;         ///< captured shorter than they were on the wire
  std::uint64_t undersized = 0;  ///< less than an Ethernet header
  std::uint64_t oversized = 0;   ///< more than kMaxFrameBytes
  /// @return records of all reasons
  std::uint64_t total() const { return cut + undersized + oversized; }
  /// Formats "3 frames left out: 2 cut by the capture, 1 longer than 9742 bytes".
  /// @return empty if none was
  std::string text() const;
};

/// Reads a capture of Ethernet frames, frame by frame.
class PcapReader {
 public:
  /// Opens a regular file: a pipe could stop the caller's loop.
  /// @param path the file
  /// @return the reader, or why it failed
  static tl::expected<PcapReader, WireError> open(const std::string& path);

  /// A captured frame.
  struct Frame {
    /// Valid until the next call of `next`; without FCS.
    std::span<const std::byte> bytes;
    /// Timestamp.
    std::uint64_t time_ns = 0;
  };
  /// Reads the next frame that a card's MAC can carry. A record whose captured and wire lengths
  /// differ has the smaller one; an FCS that the link type announces is cut off.
  /// @return nullopt at the end or at the first malformed record
  std::optional<Frame> next();
  /// @return records that next() passed over, by reason
  const PcapLeftOut& left_out() const { return left_out_; }
  /// @return records that next() passed over
  std::uint64_t skipped() const { return left_out_.total(); }
  /// @return why reading ended before the end of the file, one line; empty if it did not
  const std::string& broken() const { return broken_; }

 private:
  PcapReader() = default;
  std::unique_ptr<pcap, detail::PcapClose> handle_;
  std::string path_;
  std::size_t fcs_bytes_ = 0;
  PcapLeftOut left_out_;
  std::string broken_;
};

/// Plays one file into the card and records what the card sends into another; both are optional. If
/// the card has no room for a frame, the playback pauses.
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
  /// Holds the input back while no driver would receive it.
  /// @param on true: play nothing
  void set_hold(bool on) { hold_ = on; }

  /// @return frames of the input that the card was given
  std::uint64_t played() const { return played_; }
  /// @return true once the whole input was delivered, or without input
  bool finished() const { return !in_ || (ended_ && !pending_); }
  /// @return the input; null if not configured
  const PcapReader* input() const { return in_ ? &*in_ : nullptr; }
  /// @return the output; null if not configured
  PcapWriter* output() { return out_ ? &*out_ : nullptr; }

 private:
  std::optional<PcapReader> in_;
  std::optional<PcapWriter> out_;
  bool paced_;
  bool pause_ = false;
  bool hold_ = false;
  bool ended_ = false;
  std::uint64_t played_ = 0;
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
