// SPDX-License-Identifier: Apache-2.0
#include "device/wire/pcap.hpp"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hni::device {
namespace {

constexpr int kSnapBytes = 65535;
constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

WireError open_error(const std::string& path, int error) {
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

tl::expected<PcapWriter, WireError> PcapWriter::open(const std::string& path) {
  std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "wb"));
  if (!file) return tl::make_unexpected(open_error(path, errno));
  PcapWriter writer;
  writer.handle_.reset(
      pcap_open_dead_with_tstamp_precision(DLT_EN10MB, kSnapBytes, PCAP_TSTAMP_PRECISION_NANO));
  if (writer.handle_) writer.dumper_.reset(pcap_dump_fopen(writer.handle_.get(), file.get()));
  if (!writer.dumper_) {
    return tl::make_unexpected(
        WireError{WireErrorKind::kSystem, "cannot write a capture to '" + path + "'"});
  }
  static_cast<void>(file.release());  // the dumper closes it now
  return writer;
}

void PcapWriter::write(std::span<const std::byte> frame, std::uint64_t time_ns) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(time_ns / kNsPerSecond);
  header.ts.tv_usec = static_cast<suseconds_t>(time_ns % kNsPerSecond);  // ns in this precision
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
  pcap_dump(reinterpret_cast<u_char*>(dumper_.get()), &header,
            reinterpret_cast<const u_char*>(frame.data()));
  ++frames_;
}

bool PcapWriter::flush() {
  return pcap_dump_flush(dumper_.get()) == 0 && std::ferror(pcap_dump_file(dumper_.get())) == 0;
}

tl::expected<PcapReader, WireError> PcapReader::open(const std::string& path) {
  std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "rb"));
  if (!file) return tl::make_unexpected(open_error(path, errno));
  char text[PCAP_ERRBUF_SIZE] = "";
  PcapReader reader;
  reader.path_ = path;
  reader.handle_.reset(
      pcap_fopen_offline_with_tstamp_precision(file.get(), PCAP_TSTAMP_PRECISION_NANO, text));
  if (!reader.handle_) {
    return tl::make_unexpected(
        WireError{WireErrorKind::kBrokenFile, "'" + path + "' is no capture file: " + text});
  }
  static_cast<void>(file.release());  // the handle closes it now
  if (pcap_datalink(reader.handle_.get()) != DLT_EN10MB) {
    return tl::make_unexpected(
        WireError{WireErrorKind::kWrongLinkType, "'" + path + "' is no capture of Ethernet"});
  }
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
    if (header->caplen < header->len || header->len < kEthernetHeaderBytes ||
        header->len > kMaxFrameBytes) {
      ++skipped_;
      continue;
    }
    const auto seconds = static_cast<std::uint64_t>(header->ts.tv_sec);
    const auto nanoseconds = static_cast<std::uint64_t>(header->ts.tv_usec);
    return Frame{{reinterpret_cast<const std::byte*>(data), header->caplen},
                 seconds * kNsPerSecond + nanoseconds};
  }
}

bool PcapWire::transmit(std::span<const std::byte> frame, std::uint64_t now_ns) {
  if (out_) out_->write(frame, now_ns);
  return true;
}

unsigned PcapWire::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  unsigned delivered = 0;
  while (in_ && delivered < budget && !pause_ && !ended_) {
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
    sink.receive(pending_->bytes, now_ns);
    pending_.reset();
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
