// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/control.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

constexpr Duration kSensorPatience = std::chrono::seconds(2);
constexpr unsigned kMaxAccepts = 64;  // in one turn

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

Json error_json(const std::string& text) {
  return {{"error", text}};
}

}  // namespace

Outcome<std::unique_ptr<ControlServer>> ControlServer::create(Poller& poller, Testbed& testbed,
                                                              const RuntimeFolder& folder) {
  std::unique_ptr<ControlServer> server(new ControlServer(poller, testbed, folder));
  if (auto r = server->listen(); !r) return tl::unexpected(r.error());
  return server;
}

Outcome<> ControlServer::listen() {
  const std::string pid = std::to_string(::getpid());
  name_ = pid + ".sock";
  // Clients remove a socket without a listener, so it is renamed to its final name only once it
  // listens.
  const std::string unnamed = pid + ".new";
  const sockaddr_un address = address_of(folder_.address(unnamed));
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  spare_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  folder_.remove(unnamed);
  const bool good =
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::fchmodat(folder_.fd(), unnamed.c_str(), 0600, 0) == 0 &&
      ::listen(listener_.get(), 64) == 0 &&
      ::renameat(folder_.fd(), unnamed.c_str(), folder_.fd(), name_.c_str()) == 0;
  if (!good) {
    const int error = errno;
    folder_.remove(unnamed);
    return system_problem("'" + folder_.path() + "/" + name_ + "'", error);
  }
  path_ = folder_.path() + "/" + name_;
  return poller_.add(listener_.get(), kFirstToken);
}

ControlServer::~ControlServer() {
  if (!path_.empty()) folder_.remove(name_);
}

void ControlServer::handle(const Poller::Event& event, Time now) {
  if (event.token == kFirstToken) return accept_all(now);
  const std::size_t slot = event.token - kFirstToken - 1;
  if (slot >= clients_.size() || !clients_[slot]) return;
  if (event.readable) read(slot, now);
  if (clients_[slot] && event.writable) write(slot);
  if (clients_[slot] && event.hung_up && !event.readable) drop(slot);
}

/// Returns a free slot. If there is none, evicts the client that has been connected longest
/// without a complete request, or else without reading its response.
std::size_t ControlServer::free_slot() {
  std::size_t oldest = 0;
  for (std::size_t slot = 0; slot < clients_.size(); ++slot) {
    if (!clients_[slot]) return slot;
    const Client& a = *clients_[slot];
    const Client& b = *clients_[oldest];
    if (std::pair(a.asked, a.since) < std::pair(b.asked, b.since)) oldest = slot;
  }
  drop(oldest);
  return oldest;
}

/// Without a descriptor for accept(), the listener would stay readable and the loop would spin.
void ControlServer::refuse_one() {
  spare_.reset();
  { const Fd refused(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }
  spare_ = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void ControlServer::accept_all(Time now) {
  for (unsigned n = 0; n < kMaxAccepts; ++n) {
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd && (errno == EMFILE || errno == ENFILE)) return refuse_one();
    if (!fd) return;
    const std::size_t slot = free_slot();
    const int raw_fd = fd.get();
    clients_[slot] = std::make_unique<Client>();
    clients_[slot]->fd = std::move(fd);
    clients_[slot]->since = now;
    if (!poller_.add(raw_fd, kFirstToken + 1 + slot)) {
      drop(slot);
    } else {
      // most clients send their request immediately: read it before the client can be evicted
      read(slot, now);
    }
  }
}

void ControlServer::drop(std::size_t slot) {
  poller_.remove(clients_[slot]->fd.get());
  clients_[slot].reset();
}

void ControlServer::read(std::size_t slot, Time now) {
  Client& client = *clients_[slot];
  std::array<char, 16384> bytes;
  const ssize_t n = ::recv(client.fd.get(), bytes.data(), bytes.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(slot);
  if (client.asked) return;
  const auto state = client.in.add({bytes.data(), static_cast<std::size_t>(n)});
  if (state == QuestionReader::State::kTooLong) return drop(slot);
  if (state == QuestionReader::State::kIncomplete) return;
  client.asked = true;
  const auto question = parse_question(client.in.line());
  if (!question) return reply(slot, error_json(question.error()));
  Json result = answer(*question);
  if (!result.contains("error") && question->verb == "fw") {
    client.answer = std::move(result);
    client.give_up = now + kSensorPatience;
    for (unsigned i = 0; i < 2; ++i)
      (void)testbed_.side(i).port().firmware().request_sensors(
          now);  // an outstanding request is shared
    return step(now);
  }
  reply(slot, result);
}

void ControlServer::reply(std::size_t slot, const Json& answer) {
  clients_[slot]->out = answer.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  clients_[slot]->close_after = true;
  write(slot);
}

void ControlServer::write(std::size_t slot) {
  Client& client = *clients_[slot];
  while (!client.out.empty()) {
    const ssize_t n = ::send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN)
      return poller_.want_write(client.fd.get(), kFirstToken + 1 + slot, true);
    if (n <= 0) return drop(slot);
    client.out.erase(0, static_cast<std::size_t>(n));
  }
  if (client.close_after) drop(slot);
}

bool ControlServer::waiting() const {
  for (const auto& client : clients_) {
    if (client && !client->answer.empty()) return true;
  }
  return false;
}

/// Adds the sensors that have arrived to the response; returns true when it is complete.
bool ControlServer::collect_sensors(Json& answer) {
  bool complete = true;
  for (Json& entry : answer["ports"]) {
    if (entry.contains("sensors")) continue;
    const unsigned index = entry["port"] == testbed_.side(0).name() ? 0 : 1;
    const auto sensors = testbed_.side(index).port().firmware().poll_sensors();
    if (!sensors) {
      complete = false;
    } else if (*sensors) {
      entry["sensors"] = {{"temperature_mdeg", (*sensors)->temperature_mdeg},
                          {"voltage_mv", (*sensors)->voltage_mv}};
    } else {
      entry["sensors"] = {{"error", std::string(sensors->error().text())}};
    }
  }
  return complete;
}

void ControlServer::step(Time now) {
  for (std::size_t slot = 0; slot < clients_.size(); ++slot) {
    if (clients_[slot] && now - clients_[slot]->since > kPatience) drop(slot);
    if (!clients_[slot] || clients_[slot]->answer.empty()) continue;
    Json& pending = clients_[slot]->answer;
    if (!collect_sensors(pending) && now < clients_[slot]->give_up) continue;
    const Json complete = std::exchange(pending, Json());
    reply(slot, complete);
  }
}

Json ControlServer::answer(const Question& question) {
  const auto& [verb, port, site, value, count, reads] = question;
  Json rows = Json::array();
  if (verb == "go") testbed_.go();
  if (testbed_.held() && verb != "list")
    return error_json("the run is held: start it with `hni port go`");
  for (unsigned i = 0; i < 2; ++i) {
    if (!port.empty() && testbed_.side(i).name() != port) continue;
    if (verb == "stats") {
      rows.push_back(stats_json(testbed_, i));
    } else if (verb == "link") {
      rows.push_back(link_json(testbed_, i));
    } else if (verb == "rings") {
      rows.push_back(rings_json(testbed_, i));
    } else if (verb == "fw") {
      rows.push_back(firmware_json(testbed_, i));
    } else if (verb == "list" || verb == "go") {
      rows.push_back(live_json(testbed_, i, totals_of(testbed_, i), 1));
    } else if (verb == "regs") {
      rows.push_back(read_registers(i, question));
    } else if (verb == "inject") {
      const Json injected = inject(i, question);
      if (injected.contains("error")) return injected;
      rows.push_back(injected);
    } else {
      return error_json("unknown verb '" + verb + "'");
    }
  }
  if (rows.empty()) {
    return error_json("unknown port '" + port + "': there are " + testbed_.side(0).name() +
                      " and " + testbed_.side(1).name());
  }
  return {{"ports", rows}};
}

/// "site": name of an input site; "value": at most 32 bits; "count": number of values.
Json ControlServer::inject(unsigned index, const Question& question) {
  std::vector<std::string> names;
  for (const SiteInfo& site : kSites) names.emplace_back(site.name);
  const auto at = std::find(names.begin(), names.end(), question.site);
  if (at == names.end()) return error_json(unknown("site", question.site, names));
  if (!question.value) return error_json("invalid value: must be a number of at most 32 bits");
  testbed_.side(index).inject(static_cast<Site>(at - names.begin()), *question.value,
                              question.count.value_or(FaultIo::kUntilRefused));
  return {
      {"port", testbed_.side(index).name()}, {"site", question.site}, {"value", *question.value}};
}

/// "reads": [[bar, byte offset], ...]. Reads go through the driver, so they have the side effects
/// of the registers.
Json ControlServer::read_registers(unsigned index, const Question& question) {
  Json values = Json::array();
  auto& device = testbed_.side(index).port().device();
  for (const Question::Register& at : question.reads) {
    const Bar bar = at.bar == 4 ? Bar::kBar4 : Bar::kBar0;
    values.push_back(device.read_at(Site::kDump, {bar, at.byte_offset & ~3U}));
  }
  return {{"port", testbed_.side(index).name()}, {"values", values}};
}

}  // namespace hni::tools
