// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/register_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace hni::tools {
namespace {

/// The indices of the element at `rest` bytes behind the array's first one; false if a word lies
/// between the elements.
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
  std::FILE* const opened = std::fopen(file.c_str(), "we");
  if (opened == nullptr) return system_problem("'" + file + "'");
  return std::unique_ptr<RegisterRecorder>(new RegisterRecorder(opened, next));
}

void RegisterRecorder::mark() {
  fmt::print(file_.get(), "mark\n");
  (void)std::fflush(file_.get());
}

void RegisterRecorder::note(char kind, spec::RegAddr at, std::uint32_t value) {
  ++accesses_;
  const std::uint64_t key = std::uint64_t{at.bar == spec::Bar::kBar0} << 32 | at.byte_offset;
  std::string& name = names_[key];
  if (name.empty()) name = word_name(at);
  fmt::print(file_.get(), "{} {} 0x{:x}\n", kind, name, value);
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
