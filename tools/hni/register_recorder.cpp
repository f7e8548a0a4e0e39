// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/register_recorder.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace hni::tools {
namespace {

/// Computes the indices of the element at `rest` bytes after the start of the array. Returns false
/// if the word lies between two elements.
bool element_name(const spec::RegInfo& reg, std::uint32_t rest, std::string& name) {
  name = reg.name;
  for (unsigned d = 0; d < reg.dim_count; ++d) {
    const std::uint32_t stride = std::max(reg.dims[d].stride_bytes, 1u);
    const std::uint32_t index = rest / stride;
    if (index >= reg.dims[d].count) return false;
    rest -= index * stride;
    fmt::format_to(std::back_inserter(name), "[{}]", index);
  }
  if (rest == 4 && reg.width_bits == 64) {
    name += ".high";
    return true;
  }
  return rest == 0;
}

}  // namespace

std::string word_name(spec::RegAddr at) {
  std::string name;
  for (const spec::RegInfo& reg : spec::registers()) {
    if (reg.bar != at.bar || at.byte_offset < reg.byte_offset) continue;
    if (element_name(reg, at.byte_offset - reg.byte_offset, name)) return name;
  }
  return fmt::format("BAR{}+0x{:x}", at.bar == spec::Bar::kBar0 ? 0 : 4, at.byte_offset);
}

Outcome<std::unique_ptr<RegisterRecorder>> RegisterRecorder::create(const std::string& file,
                                                                    device::HostInterposer* next) {
  // Non-blocking: a pipe without a reader is an error here and must not block.
  Fd opened(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                   0666));
  if (!opened && errno == ENXIO)
    return problem("'" + file + "': a pipe without a reader: start the reader first");
  if (!opened) return system_problem("'" + file + "'");
  return std::unique_ptr<RegisterRecorder>(new RegisterRecorder(file, std::move(opened), next));
}

void RegisterRecorder::mark() {
  (void)out_.print("mark\n");
  (void)out_.flush();
  buffered_ = 0;
}

std::string RegisterRecorder::finish() {
  if (out_.finish(std::chrono::seconds(1))) return {};
  return fmt::format("--record '{}': {} lines lost: {}", path_, out_.dropped(),
                     out_.error() == 0 ? "its reader is too slow" : std::strerror(out_.error()));
}

void RegisterRecorder::note(char kind, spec::RegAddr at, std::uint32_t value) {
  ++accesses_;
  const std::uint64_t key = std::uint64_t{at.bar == spec::Bar::kBar0} << 32 | at.byte_offset;
  std::string& name = names_[key];
  if (name.empty()) name = word_name(at);
  const std::string line = fmt::format("{} {} 0x{:x}\n", kind, name, value);
  if (out_.print(line)) buffered_ += line.size();
  if (buffered_ < kWriteAt) return;
  buffered_ = 0;
  (void)out_.flush();
}

std::uint32_t RegisterRecorder::read(spec::RegAddr at, std::uint32_t honest) {
  const std::uint32_t said = next_ != nullptr ? next_->read(at, honest) : honest;
  note('r', at, said);
  return said;
}

bool RegisterRecorder::write(spec::RegAddr at, std::uint32_t value) {
  note('w', at, value);
  return next_ == nullptr || next_->write(at, value);
}

std::uint64_t RegisterRecorder::complete(device::CompletionKind kind, std::uint64_t word) {
  return next_ != nullptr ? next_->complete(kind, word) : word;
}

void RegisterRecorder::deliver(std::span<std::byte> message) {
  if (next_ != nullptr) next_->deliver(message);
}

}  // namespace hni::tools
