// SPDX-License-Identifier: Apache-2.0
#include "device/wire/pcap.hpp"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

namespace hni::device {
namespace {

constexpr int kSnapBytes = 65535;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

WireError open_error(const std::string& path, int error) {
  if (error == ENXIO)
    return {WireErrorKind::kCannotOpen,
            "cannot open '" + path + "': a pipe without a reader: start the reader first"};
  const bool privilege = error == EACCES || error == EPERM;
  return {privilege ? WireErrorKind::kNoPrivilege : WireErrorKind::kCannotOpen,
          "cannot open '" + path + "': " + std::strerror(error)};
}

struct FileClose {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

void detail::PcapClose::operator()(pcap* handle) const {
  pcap_close(handle);
}
void detail::PcapDumpClose::operator()(pcap_dumper* dumper) const {
  pcap_dump_close(dumper);
}

// ---- Output

/// Output of libpcap until the file accepts it.
struct PcapWriter::Output {
  static constexpr std::size_t kWriteAt = 64 * 1024;
  /// Maximum number of bytes by which a pipe's reader may lag.
  static constexpr std::size_t kMaxBytes = 4 * 1024 * 1024;

  Output(int descriptor, bool is_file) : fd(descriptor), regular(is_file) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { ::close(fd); }

  static ssize_t append(void* self, const char* bytes, std::size_t count) {
    auto& buffer = static_cast<Output*>(self)->buffer;
    buffer.insert(buffer.end(), bytes, bytes + count);
    return static_cast<ssize_t>(count);
  }
  std::FILE* stream() {
    std::FILE* const file = ::fopencookie(this, "wb", {nullptr, append, nullptr, nullptr});
    if (file != nullptr) (void)std::setvbuf(file, nullptr, _IONBF, 0);
    return file;
  }
  std::size_t waiting() const { return buffer.size() - begin; }
  bool has_room(std::size_t bytes) const { return regular || waiting() + bytes <= kMaxBytes; }
  void write_some() {
    while (error == 0 && waiting() != 0) {
      const ssize_t n = ::write(fd, buffer.data() + begin, waiting());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (n < 0) error = errno;
      if (n > 0) begin += static_cast<std::size_t>(n);
    }
    if (error == 0 && waiting() != 0 && begin < kMaxBytes) return;
    buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(begin));
    begin = 0;
  }

  int fd;
  bool regular;
  int error = 0;
  std::vector<char> buffer;
  std::size_t begin = 0;
};

PcapWriter::PcapWriter() = default;
PcapWriter::PcapWriter(PcapWriter&&) noexcept = default;
PcapWriter& PcapWriter::operator=(PcapWriter&& other) noexcept {
  if (this == &other) return *this;
  if (output_) (void)flush();
  path_ = std::move(other.path_);
  dumper_ = std::move(other.dumper_);  // before the output that it writes into
  handle_ = std::move(other.handle_);
  output_ = std::move(other.output_);
  frames_ = other.frames_;
  lost_ = other.lost_;
  return *this;
}
PcapWriter::~PcapWriter() {
  if (output_) (void)flush();
}

tl::expected<PcapWriter, WireError> PcapWriter::open(const std::string& path) {
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0666);
  if (fd < 0) return tl::make_unexpected(open_error(path, errno));
  struct stat about {};
  const bool regular = ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
  PcapWriter writer;
  writer.path_ = path;
  writer.output_ = std::make_unique<Output>(fd, regular);
  writer.handle_.reset(
      pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapBytes, PCAP_TSTAMP_PRECISION_NANO));
  std::unique_ptr<std::FILE, FileClose> file(writer.output_->stream());
  if (writer.handle_ && file)
    writer.dumper_.reset(pcap_dump_fopen(writer.handle_.get(), file.get()));
  if (!writer.dumper_) {
    return tl::make_unexpected(
        WireError{WireErrorKind::kSystem, "cannot write a capture to '" + path + "'"});
  }
  static_cast<void>(file.release());  // the dumper closes it now
  return writer;
}

void PcapWriter::write(std::span<const std::byte> frame, std::uint64_t time_ns) {
  constexpr std::size_t kRecordHeader = 16;
  const std::size_t bytes = kRecordHeader + frame.size();
  if (!output_->has_room(bytes)) output_->write_some();
  if (output_->error != 0 || !output_->has_room(bytes)) {
    ++lost_;
    return;
  }
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(time_ns / kNsPerSecond);
  header.ts.tv_usec = static_cast<suseconds_t>(time_ns % kNsPerSecond);  // ns in this precision
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header,
            reinterpret_cast<const u_char*>(frame.data()));
  ++frames_;
  if (output_->waiting() >= Output::kWriteAt) output_->write_some();
}

bool PcapWriter::flush(std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kStep{10};
  output_->write_some();
  for (; patience.count() > 0 && output_->error == 0 && output_->waiting() != 0;
       patience -= kStep) {
    pollfd room{output_->fd, POLLOUT, 0};
    (void)::poll(&room, 1, static_cast<int>(kStep.count()));
    output_->write_some();
  }
  return output_->error == 0 && output_->waiting() == 0 && lost_ == 0;
}

std::string PcapWriter::error() const {
  if (output_->error != 0)
    return "'" + path_ + "' cannot be written: " + std::strerror(output_->error);
  if (lost_ == 0 && output_->waiting() == 0) return {};
  return "'" + path_ + "' is not complete: its reader is too slow";
}

// ---- Input

std::string PcapLeftOut::text() const {
  if (total() == 0) return {};
  std::string text = std::to_string(total()) + " frames left out:";
  const char* comma = " ";
  const auto add = [&](std::uint64_t count, const std::string& why) {
    if (count == 0) return;
    text += comma + std::to_string(count) + why;
    comma = ", ";
  };
  add(cut, " cut by the capture");
  add(undersized, " shorter than an Ethernet header");
  add(oversized, " longer than " + std::to_string(kMaxFrameBytes) + " bytes");
  return text;
}

namespace {

/// Captured link types other than Ethernet, for example "raw IP (RAW)".
std::string link_type_name(int link_type) {
  const char* const name = pcap_datalink_val_to_name(link_type);
  const char* const about = pcap_datalink_val_to_description(link_type);
  if (name == nullptr) return "link type " + std::to_string(link_type);
  return about == nullptr ? name : std::string(about) + " (" + name + ")";
}

/// Bytes of FCS after each frame: bits 31:28 of the link type count 16-bit words while bit 26 is
/// set.
std::size_t fcs_bytes_of(pcap* handle) {
  const auto extension = static_cast<std::uint32_t>(pcap_datalink_ext(handle));
  return (extension & 0x0400'0000u) != 0 ? 2 * std::size_t{extension >> 28} : 0;
}

}  // namespace

tl::expected<PcapReader, WireError> PcapReader::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return tl::make_unexpected(open_error(path, errno));
  std::unique_ptr<std::FILE, FileClose> file(::fdopen(fd, "rb"));
  struct stat about {};
  if (!file || ::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    if (!file) ::close(fd);
    return tl::make_unexpected(WireError{
        WireErrorKind::kCannotOpen, "'" + path + "' is not a regular file: copy it to one first"});
  }
  char text[PCAP_ERRBUF_SIZE] = "";
  PcapReader reader;
  reader.path_ = path;
  reader.handle_.reset(
      pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, text));
  if (!reader.handle_) {
    return tl::make_unexpected(
        WireError{WireErrorKind::kBrokenFile, "'" + path + "' is not a capture file: " + text});
  }
  static_cast<void>(file.release());  // the handle closes it now
  const int link_type = pcap_datalink(reader.handle_.get());
  if (link_type != DLT_EN10MB) {
    return tl::make_unexpected(WireError{
        WireErrorKind::kWrongLinkType,
        "'" + path + "' is not a capture of Ethernet but of " + link_type_name(link_type)});
  }
  reader.fcs_bytes_ = fcs_bytes_of(reader.handle_.get());
  return reader;
}

std::optional<PcapReader::Frame> PcapReader::next() {
  while (true) {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int result = pcap_next_ex(handle_.get(), &header, &data);
    if (result != 1) {
      if (result != PCAP_ERROR_BREAK && broken_.empty()) {
        broken_ = "'" + path_ + "' breaks off: " + pcap_geterr(handle_.get());
      }
      return std::nullopt;
    }
    // The file controls both lengths. `caplen` bytes are there; `len` were on the wire.
    const std::size_t on_wire = header->len;
    const std::size_t length = on_wire - std::min(on_wire, fcs_bytes_);
    std::uint64_t* reason = nullptr;
    if (length < kEthernetHeaderBytes)
      reason = &left_out_.undersized;
    else if (length > kMaxFrameBytes)
      reason = &left_out_.oversized;
    else if (header->caplen < length)
      reason = &left_out_.cut;
    if (reason != nullptr) {
      ++*reason;
      continue;
    }
    const auto seconds = static_cast<std::uint64_t>(header->ts.tv_sec);
    const auto nanoseconds = static_cast<std::uint64_t>(header->ts.tv_usec);
    return Frame{{reinterpret_cast<const std::byte*>(data), length},
                 seconds * kNsPerSecond + nanoseconds};
  }
}

// ---- Wires

bool PcapWire::transmit(std::span<const std::byte> frame, std::uint64_t now_ns) {
  if (out_) out_->write(frame, now_ns);
  return true;
}

unsigned PcapWire::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  unsigned delivered = 0;
  while (in_ && delivered < budget && !pause_ && !hold_ && !ended_) {
    if (!pending_) pending_ = in_->next();
    if (!pending_) {
      ended_ = true;
      break;
    }
    if (!first_file_ns_) {
      first_file_ns_ = pending_->time_ns;
      first_poll_ns_ = now_ns;
    }
    const bool early = pending_->time_ns > *first_file_ns_ &&
                       now_ns - first_poll_ns_ < pending_->time_ns - *first_file_ns_;
    if (paced_ && early) break;
    if (!sink.has_room(pending_->bytes)) break;
    sink.receive(pending_->bytes, now_ns);
    pending_.reset();
    ++played_;
    ++delivered;
  }
  return delivered;
}

bool RecordingWire::transmit(std::span<const std::byte> frame, std::uint64_t now_ns) {
  if (!inner_.transmit(frame, now_ns)) return false;
  writer_.write(frame, now_ns);
  return true;
}

unsigned RecordingWire::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  struct Recorder final : FrameSink {
    Recorder(FrameSink& to_, PcapWriter& writer_) : to(to_), writer(writer_) {}
    bool receive(std::span<const std::byte> frame, std::uint64_t now) override {
      writer.write(frame, now);
      return to.receive(frame, now);
    }
    FrameSink& to;
    PcapWriter& writer;
  };
  Recorder recorder(sink, writer_);
  return inner_.poll(recorder, now_ns, budget);
}

}  // namespace hni::device
