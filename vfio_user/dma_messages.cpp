// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/dma_messages.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hni::device::vfio_user {

void DmaMessages::set_limit(std::uint64_t bytes) {
  most_bytes_ = std::clamp<std::uint64_t>(bytes, 8, kMaxBytes);
}

void DmaMessages::hold_or_answer(Message& message, std::size_t asked) {
  if (asked >= kMaxAsked) {
    client_->refuse("more questions than the card can hold, and no answer");
  } else if (at_once_ && at_once_(message)) {
    return;
  } else if (held_.size() == kMaxHeld) {
    client_->refuse("more questions than the card can hold, and no answer");
  } else {
    ++counters_.held;
    held_.push_back({message.header,
                     {message.payload.begin(), message.payload.end()},
                     std::move(message.fds)});
  }
}

std::optional<Message> DmaMessages::wait_for(std::uint16_t id) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + kAnswerTime;
  const auto left = [&] {
    return std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
  };
  for (std::size_t asked = 0; !client_->broken();) {
    if (auto message = client_->next()) {
      if ((message->header.flags & Header::kTypeMask) == Header::kReply) {
        if (message->header.id == id && message->fds.empty()) return message;
        client_->refuse("an unexpected reply");
      } else {
        hold_or_answer(*message, ++asked);
        // Requests of the client do not extend the time limit of its reply.
        if (asked % 64 == 0 && left().count() <= 0) client_->refuse("no answer to a DMA message");
      }
      continue;
    }
    if (client_->fill() || client_->broken()) continue;
    const bool unsent = client_->unsent() != 0;
    const auto failed = hooks_->wait(
        client_->fd(), static_cast<short>(unsent ? POLLIN | POLLOUT : POLLIN), left());
    if (failed && failed->breach)
      client_->refuse(failed->why);
    else if (failed)
      client_->abandon(failed->why);
    if (unsent) client_->flush();
  }
  return std::nullopt;
}

std::optional<std::span<const std::byte>> DmaMessages::ask(Command command,
                                                           std::span<const std::byte> payload,
                                                           std::span<const std::byte> more) {
  if (client_ == nullptr || client_->broken()) return std::nullopt;
  const std::uint16_t id = next_id_++;
  const Header header{id, static_cast<std::uint16_t>(command),
                      static_cast<std::uint32_t>(sizeof(Header) + payload.size() + more.size()), 0,
                      0};
  client_->send(header, payload, more);
  const auto answer = wait_for(id);
  if (!answer) return std::nullopt;
  if ((answer->header.flags & Header::kError) != 0) {
    ++counters_.refused;
    return std::nullopt;
  }
  if (answer->header.command != header.command) {
    client_->refuse("an answer to another command");
    return std::nullopt;
  }
  return answer->payload;
}

bool DmaMessages::fetch(std::uint64_t iova, std::span<std::byte> into) {
  while (!into.empty()) {
    const DmaAccess access{iova, std::min<std::uint64_t>(into.size(), most_bytes_)};
    ++counters_.reads;
    const auto answer = ask(Command::kDmaRead, bytes_of(access), {});
    if (!answer) return false;
    if (answer->size() != sizeof access + access.count) {
      client_->refuse("a reply of invalid length to a DMA read");
      return false;
    }
    const auto count = static_cast<std::size_t>(access.count);
    std::memcpy(into.data(), answer->data() + sizeof access, count);
    into = into.subspan(count);
    iova += count;
  }
  return true;
}

bool DmaMessages::store(std::uint64_t iova, std::span<const std::byte> from) {
  while (!from.empty()) {
    const DmaAccess access{iova, std::min<std::uint64_t>(from.size(), most_bytes_)};
    ++counters_.writes;
    const auto count = static_cast<std::size_t>(access.count);
    // Clients reply with the two numbers or with an empty payload.
    if (!ask(Command::kDmaWrite, bytes_of(access), from.first(count))) return false;
    from = from.subspan(count);
    iova += count;
  }
  return true;
}

std::optional<Message> DmaMessages::next_held() {
  if (held_.empty()) return std::nullopt;
  current_ = std::move(held_.front());
  held_.pop_front();
  Message message;
  message.header = current_.header;
  message.payload = current_.payload;
  message.fds = std::move(current_.fds);
  return message;
}

}  // namespace hni::device::vfio_user
