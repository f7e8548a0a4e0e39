// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/external_firmware.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hni::device::vfio_user {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kHostDone = 1;  // of a descriptor's low half [device 4.2]
constexpr std::uint32_t kBothDone = 3;

std::uint64_t address_in(std::uint32_t low, std::uint32_t high) {
  return (std::uint64_t{high} << 32 | low) & 0x3fff'ffff'fff8;
}

std::string system_error(const char* what) {
  return std::string(what) + ": " + std::strerror(errno);
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

EmulatorMessage access_message(EmulatorCommand command, std::uint32_t address,
                               std::uint32_t value) {
  EmulatorMessage message{};
  message.command = command;
  message.size = sizeof(EmulatorBarAccess);
  const EmulatorBarAccess access{address, value, 4, 0, {}};
  std::memcpy(message.data.data(), &access, sizeof access);
  return message;
}

}  // namespace

tl::expected<std::unique_ptr<ExternalFirmware>, std::string> ExternalFirmware::connect(
    const std::string& path, Report report) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return tl::make_unexpected("'" + path + "': a socket's path has 1 to 107 characters");
  std::memcpy(address.sun_path, path.data(), path.size());
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return tl::make_unexpected("'" + path + "': " + std::strerror(errno) +
                               "; start the firmware first, it listens there");
  }
  return std::unique_ptr<ExternalFirmware>(
      new ExternalFirmware(path, std::move(report), std::move(fd)));
}

ExternalFirmware::ExternalFirmware(std::string path, Report report, OwnedFd socket)
    : path_(std::move(path)), report_(std::move(report)), socket_(std::move(socket)) {}

void ExternalFirmware::serve_card(Card& card, GuestMemory& memory) {
  card_ = &card;
  memory_ = &memory;
  memory.keep_files();
  card.set_firmware(*this);
}

void ExternalFirmware::die(const std::string& why) {
  if (!alive()) return;
  why_ = why;
  ++counters_.deaths;
  socket_.reset();
  report_("the firmware died: " + why);
}

// ---- Card to firmware

bool ExternalFirmware::wait_for(short events, Clock::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
  pollfd wait{socket_.get(), events, 0};
  if (left > 0 && (::poll(&wait, 1, static_cast<int>(left)) > 0 || errno == EINTR)) return true;
  die(events == POLLIN ? "no answer" : "it takes no message");
  return false;
}

bool ExternalFirmware::send_some(const EmulatorMessage& message, std::size_t& done,
                                 const std::vector<int>& files) {
  iovec io{const_cast<std::byte*>(reinterpret_cast<const std::byte*>(&message)) + done,
           sizeof message - done};
  msghdr header{};
  header.msg_iov = &io;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(EmulatorMessage::kMaxFds * sizeof(int))> control{};
  if (done == 0 && !files.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(files.size() * sizeof(int));
    cmsghdr* const c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
    std::memcpy(CMSG_DATA(c), files.data(), files.size() * sizeof(int));
  }
  const ssize_t n = ::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) done += static_cast<std::size_t>(n);
  return n > 0 || would_block();
}

void ExternalFirmware::send(EmulatorMessage& message, const std::vector<int>& files) {
  const auto end = Clock::now() + kAnswerTime;
  for (std::size_t done = 0; alive() && done < sizeof message;) {
    if (!send_some(message, done, files)) return die(system_error("send"));
    if (done < sizeof message && !wait_for(POLLOUT, end)) return;
  }
  ++under_way_;
}

bool ExternalFirmware::shown(std::uint64_t address) const {
  return std::any_of(shown_.begin(), shown_.end(), [&](const SharedWindow& w) {
    return address >= w.address && address - w.address < w.bytes;
  });
}

/// Returns the windows of all descriptors that the host posted and the firmware has not completed.
std::vector<SharedWindow> ExternalFirmware::wanted_memory() const {
  std::vector<SharedWindow> windows;
  for (std::uint32_t i = 0; i < kMailboxWords; i += 2) {
    if ((words_[i] & kBothDone) != kHostDone) continue;
    const auto window = memory_->shared(address_in(words_[i], words_[i + 1]), 1);
    if (window && windows.size() < EmulatorMessage::kMaxFds &&
        std::find(windows.begin(), windows.end(), *window) == windows.end()) {
      windows.push_back(*window);
    }
  }
  return windows;
}

void ExternalFirmware::show_memory() {
  std::vector<SharedWindow> windows = wanted_memory();
  shown_generation_ = memory_->generation();
  if (windows == shown_) return;
  EmulatorMessage message{};
  message.command = EmulatorCommand::kSyncMemory;
  message.size = windows.size() * sizeof(EmulatorMemory);
  message.num_fds = static_cast<std::uint32_t>(windows.size());
  std::vector<int> files;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const EmulatorMemory one{windows[i].address, windows[i].bytes, windows[i].offset};
    std::memcpy(message.data.data() + i * sizeof one, &one, sizeof one);
    files.push_back(windows[i].file);
  }
  shown_ = std::move(windows);
  ++counters_.syncs;
  // The mock assigns the files of one read to all messages in it, so nothing else may be in
  // flight.
  (void)ask(kMailboxFirst);
  send(message, files);
  (void)ask(kMailboxFirst);
}

void ExternalFirmware::follow_memory() {
  if (alive() && !shown_.empty() && shown_generation_ != memory_->generation()) show_memory();
}

void ExternalFirmware::write(std::uint32_t byte_offset, std::uint32_t value) {
  const std::uint32_t word = (byte_offset - kMailboxFirst) / 4;
  if (byte_offset < kMailboxFirst || word >= kMailboxWords || !alive()) return;
  words_[word] = value;
  if (word % 2 == 0 && (value & kBothDone) == kHostDone) {
    const std::uint64_t address = address_in(value, words_[word + 1]);
    if (shown_generation_ != memory_->generation() || !shown(address)) show_memory();
    if (!shown(address)) ++counters_.unshown;
  }
  if (under_way_ >= kMaxUnderWay) (void)ask(kMailboxFirst);
  if (!alive()) return;
  EmulatorMessage message = access_message(EmulatorCommand::kBarWrite, byte_offset, value);
  ++counters_.writes;
  send(message);
}

std::optional<std::uint32_t> ExternalFirmware::read(std::uint32_t byte_offset) {
  const bool mailbox =
      byte_offset >= kMailboxFirst && byte_offset < kMailboxFirst + 4 * kMailboxWords;
  if (!mailbox && byte_offset >= kCrmEnd) return std::nullopt;
  const auto value = ask(byte_offset);
  // Memory of completed descriptors need not stay shared.
  if (value && mailbox) words_[(byte_offset - kMailboxFirst) / 4] = *value;
  return value;
}

std::optional<std::uint32_t> ExternalFirmware::ask(std::uint32_t byte_offset) {
  if (!alive()) return std::nullopt;
  EmulatorMessage message = access_message(EmulatorCommand::kBarRead, byte_offset, 0);
  ++counters_.reads;
  asked_ = byte_offset;
  answer_.reset();
  send(message);
  const auto end = Clock::now() + kAnswerTime;
  for (unsigned unasked = 0; alive() && !answer_;) {
    if (take_message()) {
      if (++unasked > kMaxUnasked) die("too many messages without the expected reply");
      continue;
    }
    if (!fill() && alive()) (void)wait_for(POLLIN, end);
  }
  asked_.reset();
  if (answer_) under_way_ = 0;
  return answer_;
}

// ---- Firmware to card

bool ExternalFirmware::fill() {
  if (!alive()) return false;
  const ssize_t n = ::recv(socket_.get(), in_.data() + have_, in_.size() - have_, MSG_DONTWAIT);
  if (n > 0) {
    have_ += static_cast<std::size_t>(n);
    return true;
  }
  if (n == 0)
    die(have_ == 0 ? "closed by the other side" : "closed in the middle of a message");
  else if (!would_block())
    die(system_error("receive"));
  return false;
}

/// Reads the next whole message; returns false if there is none.
bool ExternalFirmware::take_message() {
  if (!alive() || have_ < sizeof(EmulatorMessage)) return false;
  EmulatorMessage message{};
  std::memcpy(&message, in_.data(), sizeof message);
  have_ -= sizeof message;
  std::memmove(in_.data(), in_.data() + sizeof message, have_);
  if (message.size > EmulatorMessage::kDataBytes || message.num_fds != 0) {
    die("a message of invalid length, " + std::to_string(message.size));
    return true;
  }
  EmulatorBarAccess access{};
  std::memcpy(&access, message.data.data(), sizeof access);
  switch (message.command) {
    case EmulatorCommand::kRet:
      return true;
    case EmulatorCommand::kBarWrite:
      take_write(access);
      return true;
    case EmulatorCommand::kBarCompletion:
      if (asked_ && access.address == *asked_ && !answer_)
        answer_ = static_cast<std::uint32_t>(access.value);
      else
        ++counters_.strays;
      return true;
    default:
      die("an unknown command, " + std::to_string(static_cast<std::uint32_t>(message.command)));
      return true;
  }
}

void ExternalFirmware::take_write(const EmulatorBarAccess& access) {
  const spec::RegAddr at{spec::Bar::kBar0, static_cast<std::uint32_t>(access.address)};
  const bool whole =
      access.size == 4 && access.address <= ~std::uint32_t{0} && access.value <= ~std::uint32_t{0};
  if (card_ == nullptr || !whole ||
      !card_->firmware_write(at, static_cast<std::uint32_t>(access.value))) {
    ++counters_.refused_writes;
    return;
  }
  ++(at.byte_offset == 0x40 ? counters_.interrupts : counters_.lanes);
}

bool ExternalFirmware::serve(unsigned budget) {
  for (unsigned done = 0; alive() && done < budget;) {
    if (take_message()) {
      ++done;
    } else if (!fill()) {
      return false;
    }
  }
  return alive();
}

}  // namespace hni::device::vfio_user
