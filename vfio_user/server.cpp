// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "vfio_user/listen.hpp"

namespace hni::device::vfio_user {
namespace {

void add(SessionCounters& to, const SessionCounters& from) {
  to.messages += from.messages;
  to.refused += from.refused;
  to.reads += from.reads;
  to.writes += from.writes;
  to.resets += from.resets;
  to.odd_accesses += from.odd_accesses;
}

}  // namespace

tl::expected<std::unique_ptr<Server>, std::string> Server::create(const std::string& path,
                                                                  const CardConfig& config,
                                                                  Wire& wire, Report report,
                                                                  SocketCalls& calls) {
  auto listener = listen_on(path);
  if (!listener) return tl::make_unexpected(listener.error());
  std::unique_ptr<Server> server(new Server(path, config, wire, std::move(report), calls));
  server->listener_ = std::move(*listener);
  return server;
}

Server::Server(std::string path, const CardConfig& config, Wire& wire, Report report,
               SocketCalls& calls)
    : path_(std::move(path)),
      report_(std::move(report)),
      dma_(kMaxDmaMaps),
      lines_(config.msix_vectors),
      card_(config, dma_, lines_, wire),
      config_(config),
      memory_(dma_),
      calls_(&calls) {
  dma_.set_remote(dma_messages_);
  dma_messages_.set_at_once([this](Message& message) { return answer_at_once(message); });
  lines_.flush_before(dma_);
}

Server::~Server() {
  if (listener_) ::unlink(path_.c_str());
}

// ---- Clients come

void Server::accept_client() {
  for (std::size_t i = 0; i <= kMaxHeldClients && !accept_paused_; ++i) {
    OwnedFd fd(calls_->accept(listener_.get()));
    if (!fd) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (counters_.accept_failures++ == 0)
        report_(std::string("no client can be accepted: ") + std::strerror(errno));
      accept_paused_ = undated_ = true;
      accept_again_ns_ = 0;
      return;
    }
    // Clients that have disconnected do not count towards the limit.
    if (held_clients_.size() == kMaxHeldClients)
      std::erase_if(held_clients_,
                    [](const HeldClient& c) { return has_hung_up(c.socket.get()); });
    if (!connection_ && held_clients_.empty()) {
      begin_client(std::move(fd));
    } else if (held_clients_.size() == kMaxHeldClients) {
      turn_away({std::move(fd), 0});
    } else {
      held_clients_.push_back({std::move(fd), 0});
      undated_ = true;
    }
  }
}

void Server::begin_client(OwnedFd socket) {
  ++counters_.clients;
  connection_.emplace(std::move(socket), *calls_);
  session_.emplace(card_, config_, memory_, lines_);
  dma_messages_.set_client(&*connection_);
  hello_until_ns_ = 0;
  undated_ = true;
  report_("a client is here");
}

void Server::begin_held_client() {
  while (!connection_ && !held_clients_.empty()) {
    OwnedFd socket = std::move(held_clients_.front().socket);
    held_clients_.pop_front();
    // A client that has already disconnected is not served.
    if (!has_hung_up(socket.get())) begin_client(std::move(socket));
  }
}

/// Replies to its version with EBUSY, so that the client can distinguish a busy server from a
/// missing one.
void Server::turn_away(HeldClient client) {
  ++counters_.turned_away;
  report_("a second client was refused");
  std::array<std::byte, kMaxMessage> bytes;
  const ssize_t n = ::recv(client.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (n < static_cast<ssize_t>(sizeof(Header))) return;
  auto header = load<Header>(bytes);
  header.bytes = sizeof header;
  header.flags = Header::kReply | Header::kError;
  header.error = EBUSY;
  (void)::send(client.socket.get(), &header, sizeof header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/// New clients get their deadline here, because accept_client() does not know the time.
void Server::date_events(std::uint64_t now_ns) {
  undated_ = false;
  for (HeldClient& client : held_clients_) {
    if (client.until_ns == 0) client.until_ns = now_ns + kHoldTimeNs;
  }
  if (accept_paused_ && accept_again_ns_ == 0) accept_again_ns_ = now_ns + kAcceptPauseNs;
  if (connection_ && !session_->negotiated() && hello_until_ns_ == 0)
    hello_until_ns_ = now_ns + kHelloTimeNs;
}

void Server::keep_time(std::uint64_t now_ns) {
  if (undated_) date_events(now_ns);
  if (now_ns < next_deadline_ns()) return;
  if (accept_paused_ && now_ns >= accept_again_ns_) accept_paused_ = false;
  while (!held_clients_.empty() && now_ns >= held_clients_.front().until_ns) {
    HeldClient client = std::move(held_clients_.front());
    held_clients_.pop_front();
    if (!has_hung_up(client.socket.get())) turn_away(std::move(client));
  }
  if (hello_until_ns_ != 0 && now_ns >= hello_until_ns_) {
    // After the version negotiation only this deadline remains.
    hello_until_ns_ = 0;
    if (connection_ && !session_->negotiated()) end_client("no version in time", true);
  }
}

std::uint64_t Server::next_deadline_ns() const {
  std::uint64_t next = ~std::uint64_t{0};
  if (accept_paused_) next = std::min(next, accept_again_ns_);
  if (!held_clients_.empty()) next = std::min(next, held_clients_.front().until_ns);
  if (hello_until_ns_ != 0) next = std::min(next, hello_until_ns_);
  return next;
}

// ---- And are served

bool Server::serve(std::uint64_t now_ns, unsigned budget) {
  keep_time(now_ns);
  const bool reaping = memory_.reap(*hooks_);
  if (!connection_) return reaping;
  card_.tick(now_ns);
  publish();
  if (GuestMemory::lost() != lost_before_) {
    lost_before_ = GuestMemory::lost();
    if (memory_.damaged()) {
      end_client("it removed memory that the card uses", true);
      return true;
    }
  }
  if (connection_->unsent() != 0) connection_->flush();
  // A newly started client is served in the next call.
  const bool more = work(budget) || undated_;
  if (undated_) date_events(now_ns);
  return more || reaping;
}

/// Returns true if no client is left.
bool Server::end_if_broken() {
  if (session_->broken()) {
    end_client(std::string(session_->why()), true);
  } else if (lines_.blocked()) {
    end_client("its eventfd blocks the card", true);
  } else if (connection_->broken()) {
    // Copied, because the connection that owns the text is about to be destroyed.
    end_client(std::string(connection_->why()), connection_->breach());
  }
  return !connection_;
}

bool Server::work(unsigned budget) {
  unsigned done = 0;
  bool spent = false;
  while (done < budget && !spent && connection_->unsent() == 0) {
    if (session_->suspended()) {
      conclude(session_->resume(*hooks_));
    } else {
      auto message = dma_messages_.next_held();
      if (!message) message = connection_->next();
      if (!message && !connection_->fill()) break;
      if (!message) continue;
      answer(*message);
    }
    ++done;
    if (session_->broken()) break;
    spent = hooks_->turn_spent();
  }
  if (end_if_broken()) return !held_clients_.empty();
  return done == budget || spent;
}

void Server::answer(Message& message) {
  // A card access to memory without a file reads further messages into this buffer.
  if (memory_.unreachable() != 0) {
    asked_.assign(message.payload.begin(), message.payload.end());
    message.payload = asked_;
    acknowledge(message);
  }
  current_ = message.header;
  conclude(session_->handle(message, *hooks_));
}

void Server::conclude(const std::optional<Reply>& reply) {
  publish();
  if (session_->negotiated()) {
    hello_until_ns_ = 0;
    dma_messages_.set_limit(session_->most_data());
  }
  if (reply) send_reply(current_, *reply);
}

void Server::send_reply(Header header, const Reply& reply) {
  if ((header.flags & Header::kNoReply) != 0) return;
  header.flags = Header::kReply | (reply.error != 0 ? Header::kError : 0);
  header.error = static_cast<std::uint32_t>(reply.error);
  header.bytes = static_cast<std::uint32_t>(sizeof header + reply.payload.size());
  connection_->send(header, reply.payload);
}

void Server::acknowledge(Message& message) {
  const auto access = session_->sure_write(message);
  if (!access) return;
  send_reply(message.header, {0, bytes_of(*access)});
  message.header.flags |= Header::kNoReply;
}

/// While the card waits for the client, writes are acknowledged and performed later; a read that
/// follows such a write has to wait.
bool Server::answer_at_once(Message& message) {
  acknowledge(message);
  if (message.header.command != static_cast<std::uint16_t>(Command::kRegionRead) ||
      dma_messages_.holds() || session_->suspended()) {
    return false;
  }
  send_reply(message.header, session_->handle(message));
  if (session_->broken()) connection_->refuse(session_->why());
  return true;
}

void Server::end_client(const std::string& why, bool breach) {
  if (breach) ++counters_.breaches;
  add(past_, session_->counters());
  report_((breach ? "client closed: " : "client left: ") + why);
  session_.reset();
  dma_messages_.set_client(nullptr);
  connection_.reset();
  hello_until_ns_ = 0;
  lines_.clear();
  memory_.unmap_all();
  memory_.enable(false);
  config_.reset();
  card_.reset(ResetKind::kFunctionLevel);
  begin_held_client();
}

SessionCounters Server::session_counters() const {
  SessionCounters sum = past_;
  if (session_) add(sum, session_->counters());
  return sum;
}

}  // namespace hni::device::vfio_user
