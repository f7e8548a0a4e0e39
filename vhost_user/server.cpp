// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "vfio_user/listen.hpp"

namespace hni::device::vhost_user {
namespace {

constexpr std::size_t kMaxWindows = 64;

void add(SessionCounters& to, const SessionCounters& from) {
  to.messages += from.messages;
  to.refused += from.refused;
  to.kicks += from.kicks;
  to.commands += from.commands;
  to.interrupts += from.interrupts;
  to.bytes += from.bytes;
}

}  // namespace

tl::expected<std::unique_ptr<Server>, std::string> Server::create(const std::string& path,
                                                                  const CardConfig& config,
                                                                  Wire& wire, Report report,
                                                                  vfio_user::SocketCalls& calls) {
  auto listener = vfio_user::listen_on(path);
  if (!listener) return tl::make_unexpected(listener.error());
  std::unique_ptr<Server> server(new Server(path, config, wire, std::move(report), calls));
  server->listener_ = std::move(*listener);
  return server;
}

Server::Server(std::string path, const CardConfig& config, Wire& wire, Report report,
               vfio_user::SocketCalls& calls)
    : path_(std::move(path)),
      report_(std::move(report)),
      calls_(&calls),
      dma_(kMaxWindows),
      msix_(config.msix_vectors, dma_),
      card_(config, dma_, msix_, wire),
      config_(config),
      memory_(dma_),
      function_(card_, config_, memory_, msix_) {}

Server::~Server() {
  if (listener_) ::unlink(path_.c_str());
}

void Server::accept_client() {
  if (accept_paused_) return;
  OwnedFd fd(calls_->accept(listener_.get()));
  if (!fd) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ECONNABORTED) return;
    if (counters_.accept_failures++ == 0)
      report_(std::string("no front-end can be accepted: ") + std::strerror(errno));
    accept_paused_ = undated_ = true;
    accept_again_ns_ = 0;
    return;
  }
  // The previous front-end may have died before the server processed its hang-up.
  if (connection_ && vfio_user::has_hung_up(connection_->fd()))
    end_client("its socket was closed", false);
  if (connection_) {
    if (++counters_.turned_away == 1) report_("a second front-end was refused");
    return;
  }
  ++counters_.clients;
  connection_.emplace(std::move(fd));
  session_.emplace(function_, memory_, msix_);
  hello_until_ns_ = 0;
  undated_ = true;
  report_("a front-end connected");
}

void Server::keep_time(std::uint64_t now_ns) {
  if (undated_) {
    undated_ = false;
    if (accept_paused_ && accept_again_ns_ == 0) accept_again_ns_ = now_ns + kAcceptPauseNs;
    if (connection_ && session_->counters().messages == 0 && hello_until_ns_ == 0)
      hello_until_ns_ = now_ns + kHelloTimeNs;
  }
  if (accept_paused_ && now_ns >= accept_again_ns_) accept_paused_ = false;
  if (hello_until_ns_ != 0 && now_ns >= hello_until_ns_) hello_until_ns_ = 0;
}

std::uint64_t Server::next_deadline_ns() const {
  std::uint64_t next = ~std::uint64_t{0};
  if (accept_paused_) next = accept_again_ns_;
  if (hello_until_ns_ != 0) next = std::min(next, hello_until_ns_);
  return next;
}

bool Server::serve(std::uint64_t now_ns, unsigned budget) {
  const bool waits_for_hello = hello_until_ns_ != 0;
  keep_time(now_ns);
  if (!connection_) return false;
  (void)memory_.reap(vfio_user::LoopHooks::none());
  card_.tick(now_ns);
  publish();
  if (!check_memory()) return false;
  unsigned done = 0;
  const std::uint64_t bytes = session_->counters().bytes;
  for (; done < budget && check_client(); ++done) {
    // A long command counts as many messages.
    if (session_->counters().bytes - bytes >= Session::kMaxBytes) return true;
    if (kick_reply_) {
      finish_kick();
      continue;
    }
    auto message = connection_->next();
    if (!message) break;
    handle(*message);
  }
  if (!check_client()) return false;
  if (session_->counters().messages != 0) {
    hello_until_ns_ = 0;
  } else if (waits_for_hello && hello_until_ns_ == 0) {
    end_client("no message in time", true);
    return false;
  }
  return done == budget;
}

void Server::handle(Message& message) {
  const auto reply = session_->handle(message);
  if (session_->broken()) return;
  if (message.header.request == static_cast<std::uint32_t>(Request::kSetMemTable) &&
      memory_.windows() == 0) {
    report_("the front-end's memory was refused: it must be whole pages of files in a tmpfs");
  }
  if (message.header.request != static_cast<std::uint32_t>(Request::kVringKick)) {
    if (reply) send_reply(message.header, *reply);
    return;
  }
  kick_reply_ = message.header;
  kick_wants_reply_ = reply.has_value();
  finish_kick();
}

/// Executes more of the commands that a kick announced, and acknowledges the kick when all are
/// done.
void Server::finish_kick() {
  if (session_->run_commands() || session_->broken()) return;
  if (step_) step_->work();
  publish();
  if (!connection_ || session_->broken()) return;
  if (session_->owes_command_notification()) notify(kCommandQueue);
  if (kick_wants_reply_) send_reply(*kick_reply_, bytes_of(std::uint64_t{0}));
  kick_reply_.reset();
}

void Server::send_reply(const Header& request, std::span<const std::byte> payload) {
  connection_->send({request.request, Header::kVersion | Header::kReply,
                     static_cast<std::uint32_t>(payload.size())},
                    payload);
}

void Server::publish() {
  dma_.flush();
  if (!session_) return;
  const bool may = !step_ || step_->may_interrupt();
  if (may && session_->deliver_interrupts()) notifications_owed_ |= 1u << kInterruptQueue;
  for (std::uint32_t queue = 0; queue < kQueues; ++queue) {
    if ((notifications_owed_ & 1u << queue) != 0) notify(queue);
  }
}

void Server::notify(std::uint32_t queue) {
  const int socket = session_->backend_socket();
  if (socket < 0) return;
  const struct {
    Header header;
    VringState state;
  } call{{static_cast<std::uint32_t>(BackendRequest::kVringCall),
          Header::kVersion | (step_ ? Header::kNeedReply : 0), sizeof(VringState)},
         {queue, 0}};
  const ssize_t n = ::send(socket, &call, sizeof call, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n != static_cast<ssize_t>(sizeof call)) {
    // The socket is full: the front-end has notifications to read and gets this one later.
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
      notifications_owed_ |= 1u << queue;
    else
      session_->refuse("its socket for our requests does not work");
    return;
  }
  notifications_owed_ &= ~(1u << queue);
  if (!step_) return;
  struct {
    Header header;
    std::uint64_t status;
  } reply{};
  constexpr std::size_t kReplyBytes = sizeof(Header) + sizeof(std::uint64_t);
  std::array<std::byte, kReplyBytes> bytes{};
  if (!step_->wait(socket) ||
      ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT) != ssize_t{kReplyBytes}) {
    return session_->refuse("no reply to a notification");
  }
  reply.header = load<Header>(bytes);
  reply.status = load<std::uint64_t>(std::span(bytes).subspan(sizeof(Header)));
  if ((reply.header.flags & Header::kReply) == 0 || reply.status != 0)
    session_->refuse("a notification that was refused");
}

bool Server::check_memory() {
  if (vfio_user::GuestMemory::lost() == lost_before_) return true;
  lost_before_ = vfio_user::GuestMemory::lost();
  if (!memory_.damaged()) return true;
  end_client("it removed memory that the card uses", true);
  return false;
}

/// Returns whether a well-behaved front-end is connected.
bool Server::check_client() {
  if (!connection_) return false;
  // Copied, because the object that owns the text is about to be destroyed.
  if (session_->broken())
    end_client(std::string(session_->why()), true);
  else if (connection_->broken())
    end_client(std::string(connection_->why()), connection_->breach());
  return connection_.has_value();
}

void Server::end_client(const std::string& why, bool breach) {
  if (breach) ++counters_.breaches;
  add(past_, session_->counters());
  report_((breach ? "front-end closed: " : "front-end left: ") + why);
  session_.reset();
  connection_.reset();
  kick_reply_.reset();
  notifications_owed_ = 0;
  hello_until_ns_ = 0;
  memory_.unmap_all();
  (void)memory_.reap(vfio_user::LoopHooks::none());
  function_.reset();
}

SessionCounters Server::session_counters() const {
  SessionCounters sum = past_;
  if (session_) add(sum, session_->counters());
  return sum;
}

}  // namespace hni::device::vhost_user
