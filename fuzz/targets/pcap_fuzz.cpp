// SPDX-License-Identifier: Apache-2.0
// Capture files of arbitrary bytes: the reader must terminate and return only frames that a card's
// MAC can carry; frames that are written again must be read back unchanged.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "device/wire/pcap.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {
namespace {

/// A file in memory that can be opened by path.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("pcap", MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }
  bool fill(const std::uint8_t* data, std::size_t size) const {
    return size == 0 || ::write(fd_, data, size) == static_cast<ssize_t>(size);
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

using Frames = std::vector<std::vector<std::byte>>;

Frames read_all(device::PcapReader& reader, std::size_t most) {
  Frames frames;
  while (const auto frame = reader.next()) {
    require(frames.size() <= most, "steps", "a capture does not end", frames.size(), most);
    require(!frame->bytes.empty() && frame->bytes.size() <= device::kMaxFrameBytes, "geometry",
            "a frame that no MAC can carry", frame->bytes.size());
    frames.emplace_back(frame->bytes.begin(), frame->bytes.end());
    ++work().events;
  }
  require(reader.broken().find('\n') == std::string::npos, "text", "a message of several lines");
  return frames;
}

void run(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file;
  if (!file.fill(data, size)) return;
  auto reader = device::PcapReader::open(file.path());
  if (!reader) return;
  // No record is shorter than its header of 16 bytes.
  const Frames frames = read_all(*reader, size / 16 + 1);
  require(reader->skipped() <= size / 8 + 1, "steps",
          "more frames were skipped than the file holds", reader->skipped());
  if (frames.empty()) return;
  const MemoryFile copy;
  {
    auto writer = device::PcapWriter::open(copy.path());
    if (!writer) return;
    for (const auto& frame : frames) writer->write(frame, 1000);
    require(writer->flush() && writer->frames() == frames.size(), "payload",
            "frames are not written", writer->frames(), frames.size());
  }
  auto again = device::PcapReader::open(copy.path());
  require(again.has_value(), "payload", "what was written cannot be opened");
  require(read_all(*again, frames.size()) == frames, "payload", "other frames than were written");
}

}  // namespace

const Target& pcap_target() {
  static constexpr Target kTarget{
      "pcap", "capture files of any bytes, read and written again", {}, run, 65536};
  return kTarget;
}

}  // namespace hni::fuzz
