// SPDX-License-Identifier: Apache-2.0
#include "device/register_file.hpp"

#include <algorithm>

namespace hni::device {
namespace {

/// Calls `visit(byte_offset)` for every element of a register array, outer dimension first.
template <class Visit>
void for_each_element(const spec::RegInfo& info, const Visit& visit) {
  std::array<std::uint32_t, 3> index{};
  for (;;) {
    std::uint32_t offset = info.byte_offset;
    for (unsigned d = 0; d < info.dim_count; ++d) offset += index[d] * info.dims[d].stride_bytes;
    visit(offset);
    unsigned d = info.dim_count;
    while (d != 0 && ++index[d - 1] == info.dims[d - 1].count) index[--d] = 0;
    if (d == 0) return;
  }
}

/// Returns the offset of the element of `other` with the array indices that `offset` has in
/// `info`.
std::uint32_t same_element(const spec::RegInfo& info, std::uint32_t offset,
                           const spec::RegInfo& other) {
  std::uint32_t rest = offset - info.byte_offset;
  std::uint32_t out = other.byte_offset;
  for (unsigned d = 0; d < info.dim_count; ++d) {
    const std::uint32_t stride = std::max(info.dims[d].stride_bytes, 1u);
    if (d < other.dim_count) out += rest / stride * other.dims[d].stride_bytes;
    rest %= stride;
  }
  return out;
}

bool same_shape(const spec::RegInfo& one, const spec::RegInfo& other) {
  return one.dim_count == other.dim_count &&
         std::equal(one.dims, one.dims + one.dim_count, other.dims,
                    [](const auto& a, const auto& b) { return a.stride_bytes == b.stride_bytes; });
}

std::uint32_t half_of(std::uint64_t bits, bool high) {
  return static_cast<std::uint32_t>(high ? bits >> 32 : bits);
}

}  // namespace

const RegisterFile::Shared& RegisterFile::shared() {
  static const Shared kShared = [] {
    Shared out;
    const auto registers = spec::registers();
    const std::array<std::uint32_t, 2> words{kBar0StoredBytes / 4, kBar4Bytes / 4};
    for (std::size_t b = 0; b < words.size(); ++b) {
      out.plans[b].reset.assign(words[b], 0);
      out.plans[b].info.assign(words[b], 0);
      out.plans[b].high.assign(words[b], 0);
    }
    for (std::size_t r = 0; r < registers.size(); ++r) {
      Plan& plan = out.plans[registers[r].bar == spec::Bar::kBar0 ? 0 : 1];
      for_each_element(registers[r], [&](std::uint32_t offset) {
        const std::uint32_t halves = registers[r].width_bits == 64 ? 2 : 1;
        for (std::uint32_t half = 0; half < halves; ++half) {
          const std::uint32_t word = offset / 4 + half;
          // Where two descriptions overlap (a page and a register in it), the first one applies.
          if (word >= plan.info.size() || plan.info[word] != 0) continue;
          plan.info[word] = static_cast<std::uint16_t>(r + 1);
          plan.high[word] = static_cast<std::uint8_t>(half);
          plan.reset[word] = half_of(registers[r].reset, half != 0);
        }
      });
    }
    out.rules.resize(registers.size());
    const auto action_rules = spec::action_rules();
    for (std::size_t i = 0; i < action_rules.size(); ++i) {
      const spec::RegInfo& reg = registers[action_rules[i].reg];
      const bool same = same_shape(reg, registers[action_rules[i].cond_reg]);
      const spec::ActionRule& rule = action_rules[i];
      const spec::RegInfo& condition = registers[rule.cond_reg];
      out.rules[rule.reg].push_back({static_cast<std::uint16_t>(i),
                                     same,
                                     rule.on_nonzero_only,
                                     {condition.bar, condition.byte_offset},
                                     reg.byte_offset,
                                     rule.cond_mask,
                                     rule.cond_value});
    }
    out.access.push_back({false, false, false, false, {}});
    for (std::size_t r = 0; r < registers.size(); ++r)
      out.access.push_back(access_of(registers[r], !out.rules[r].empty()));
    return out;
  }();
  return kShared;
}

RegisterFile::RegisterFile()
    : registers_(spec::registers()), action_rules_(spec::action_rules()), shared_(shared()) {
  for (std::size_t b = 0; b < banks_.size(); ++b) {
    banks_[b].plan = &shared_.plans[b];
    banks_[b].words = static_cast<std::uint32_t>(shared_.plans[b].reset.size());
    banks_[b].shown.resize(banks_[b].words / kPageWords);
    banks_[b].own = std::make_unique_for_overwrite<std::uint32_t[]>(banks_[b].words);
  }
  events_.illegal_action.assign(action_rules_.size(), 0);
  reset();
}

void RegisterFile::reset() {
  for (Bank& bank : banks_)
    for (std::size_t page = 0; page < bank.shown.size(); ++page)
      bank.shown[page] = bank.plan->reset.data() + page * kPageWords;
}

void RegisterFile::take_page(Bank& bank, std::uint32_t page) {
  std::uint32_t* const own = bank.own.get() + std::size_t{page} * kPageWords;
  std::copy_n(bank.shown[page], kPageWords, own);
  bank.shown[page] = own;
}

RegisterFile::Access RegisterFile::access_of(const spec::RegInfo& reg, bool has_rules) {
  Access out;
  out.only_name = reg.known_only_by_name;
  out.read_only = (reg.sw_write | reg.w1c | reg.w1s | reg.single_pulse) == 0;
  out.ordinary_read = !out.only_name;
  out.ordinary_write = !out.only_name && !out.read_only && !has_rules;
  for (const bool high : {false, true}) {
    out.masks[high ? 1 : 0] = {half_of(reg.sw_read, high),       half_of(reg.sw_write, high),
                               half_of(reg.w1c, high),           half_of(reg.w1s, high),
                               half_of(reg.clear_on_read, high), half_of(reg.single_pulse, high)};
  }
  return out;
}

bool RegisterFile::known(spec::RegAddr at) const {
  return info_of(at) != 0;
}

const char* RegisterFile::name(spec::RegAddr at) const {
  const unsigned info = info_of(at);
  return info == 0 ? "" : registers_[info - 1].name;
}

std::uint32_t RegisterFile::write_mask(spec::RegAddr at) const {
  const WordMasks& masks = masks_of(at);
  return masks.write | masks.w1c | masks.w1s | masks.pulse;
}

bool RegisterFile::note_unusual_read(spec::RegAddr at, unsigned info) {
  if (info == 0) {
    ++events_.unknown_register;
    ++events_.unknown_register_reads;
    events_.last_unknown = {at.bar, at.byte_offset, 0, false};
    return false;
  }
  ++events_.partly_modelled;
  ++events_.partly_modelled_reads;
  events_.last_partly = {at.bar, at.byte_offset, 0, false};
  return true;
}

bool RegisterFile::note_unusual_write(spec::RegAddr at, std::uint32_t value, unsigned info) {
  if (info == 0) {
    ++events_.unknown_register;
    events_.last_unknown = {at.bar, at.byte_offset, value, true};
    return false;
  }
  const Access& access = shared_.access[info];
  if (access.only_name) {
    ++events_.partly_modelled;
    events_.last_partly = {at.bar, at.byte_offset, value, true};
  } else if (access.read_only) {
    ++events_.read_only_write;
    events_.last_read_only = {at.bar, at.byte_offset, value, true};
  }
  for (const Rule& rule : shared_.rules[info - 1]) {
    if (rule.on_nonzero_only && value == 0) continue;
    spec::RegAddr condition = rule.condition;
    if (rule.same_shape) {
      condition.byte_offset += at.byte_offset - rule.first_byte;
    } else {
      condition.byte_offset = same_element(registers_[info - 1], at.byte_offset,
                                           registers_[action_rules_[rule.index].cond_reg]);
    }
    if ((peek(condition) & rule.cond_mask) != rule.cond_value)
      ++events_.illegal_action[rule.index];
  }
  return true;
}

std::uint32_t RegisterFile::read(spec::RegAddr at) {
  const WordMasks& masks = masks_of(at);
  const std::uint32_t value = peek(at);
  if (masks.clear_on_read != 0) poke(at, value & ~masks.clear_on_read);
  return value & masks.read;
}

std::uint32_t RegisterFile::write(spec::RegAddr at, std::uint32_t value) {
  const WordMasks& masks = masks_of(at);
  const std::uint32_t plain = masks.write & ~(masks.w1c | masks.w1s | masks.pulse);
  std::uint32_t next = (peek(at) & ~plain) | (value & plain);
  next &= ~(value & masks.w1c);
  next |= value & masks.w1s;
  poke(at, next);
  return next;
}

}  // namespace hni::device
