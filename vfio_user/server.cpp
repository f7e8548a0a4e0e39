// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/server.hpp"

#include <sys/socket.h>

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
                                                                  Wire& wire, Report report) {
  auto listener = listen_on(path);
  if (!listener) return tl::make_unexpected(listener.error());
  std::unique_ptr<Server> server(new Server(path, config, wire, std::move(report)));
  server->listener_ = std::move(*listener);
  return server;
}

Server::Server(std::string path, const CardConfig& config, Wire& wire, Report report)
    : path_(std::move(path)),
      report_(std::move(report)),
      dma_(kMaxDmaMaps),
      lines_(config.msix_vectors),
      card_(config, dma_, lines_, wire),
      config_(config),
      memory_(dma_) {
  dma_.set_remote(dma_messages_);
  dma_messages_.set_at_once([this](Message& message) { return answer_at_once(message); });
  lines_.flush_before(dma_);
}

Server::~Server() {
  if (listener_) ::unlink(path_.c_str());
}

void Server::accept_client() {
  OwnedFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  if (connection_) {
    ++counters_.turned_away;
    report_("a second client was turned away");
    return;
  }
  ++counters_.clients;
  connection_.emplace(std::move(fd));
  session_.emplace(card_, config_, memory_, lines_);
  dma_messages_.set_client(&*connection_);
  report_("a client is here");
}

bool Server::serve(std::uint64_t now_ns, unsigned budget) {
  if (!connection_) return false;
  card_.tick(now_ns);
  publish();
  if (GuestMemory::lost() != lost_before_) {
    lost_before_ = GuestMemory::lost();
    if (memory_.damaged()) {
      end_client("it took memory away that the card uses", true);
      return false;
    }
  }
  if (connection_->unsent() != 0) connection_->flush();
  unsigned done = 0;
  while (done < budget && connection_->unsent() == 0) {
    auto message = dma_messages_.next_held();
    if (!message) message = connection_->next();
    if (!message && !connection_->fill()) break;
    if (!message) continue;
    answer(*message);
    ++done;
    if (session_->broken()) {
      end_client(std::string(session_->why()), true);
      return false;
    }
  }
  if (connection_->broken()) {
    // A copy: the connection that says why is about to end.
    end_client(std::string(connection_->why()), connection_->breach());
    return false;
  }
  return done == budget;
}

void Server::answer(Message& message) {
  // An access of the card to memory without a file reads on, over this message.
  if (memory_.unreachable() != 0) {
    asked_.assign(message.payload.begin(), message.payload.end());
    message.payload = asked_;
    acknowledge(message);
  }
  const Reply reply = session_->handle(message);
  publish();
  if (session_->negotiated()) dma_messages_.set_limit(session_->most_data());
  send_reply(message.header, reply);
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

/// While the card waits for the client: writes are done later, but acknowledged; a read behind
/// such a write has to wait.
bool Server::answer_at_once(Message& message) {
  acknowledge(message);
  if (message.header.command != static_cast<std::uint16_t>(Command::kRegionRead) ||
      dma_messages_.holds()) {
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
  lines_.clear();
  memory_.unmap_all();
  memory_.enable(false);
  config_.reset();
  card_.reset(ResetKind::kFunctionLevel);
}

SessionCounters Server::session_counters() const {
  SessionCounters sum = past_;
  if (session_) add(sum, session_->counters());
  return sum;
}

}  // namespace hni::device::vfio_user
