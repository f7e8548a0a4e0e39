// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>

#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

constexpr Duration kSensorPatience = std::chrono::seconds(2);
constexpr std::size_t kMaxRegisters = 8192;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

/// Returns the text of a member; empty if it is missing.
std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

Json error_json(const std::string& text) {
  return {{"error", text}};
}

}  // namespace

Outcome<std::unique_ptr<ControlServer>> ControlServer::create(Poller& poller, Testbed& testbed) {
  std::unique_ptr<ControlServer> server(new ControlServer(poller, testbed));
  if (auto r = server->listen(); !r) return tl::unexpected(r.error());
  return server;
}

Outcome<> ControlServer::listen() {
  int error = ENOENT;
  for (const std::string& folder : control_folders()) {
    (void)::mkdir(folder.c_str(), 0700);
    struct stat info {};
    // In a folder of another user, that user could replace the socket.
    if (::lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) ||
        info.st_uid != ::geteuid()) {
      error = errno;
      continue;
    }
    path_ = folder + "/" + std::to_string(::getpid()) + ".sock";
    // A client removes a socket without a listener, so the socket gets its final name once it
    // listens.
    const std::string unnamed = folder + "/" + std::to_string(::getpid()) + ".new";
    const sockaddr_un address = address_of(unnamed);
    if (path_.size() >= sizeof address.sun_path) continue;
    listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    (void)::unlink(unnamed.c_str());
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0 &&
        ::chmod(unnamed.c_str(), 0600) == 0 && ::listen(listener_.get(), 8) == 0 &&
        ::rename(unnamed.c_str(), path_.c_str()) == 0) {
      folder_ = folder;
      return poller_.add(listener_.get(), kFirstToken);
    }
    error = errno;
    (void)::unlink(unnamed.c_str());
  }
  path_.clear();
  return system_problem("control socket", error);
}

ControlServer::~ControlServer() {
  if (folder_.empty()) return;
  (void)::unlink(path_.c_str());
  (void)::rmdir(folder_.c_str());  // fails while another run uses it
}

void ControlServer::handle(const Poller::Event& event, Time now) {
  if (event.token == kFirstToken) return accept();
  const std::size_t slot = event.token - kFirstToken - 1;
  if (slot >= clients_.size() || !clients_[slot]) return;
  if (event.readable) read(slot, now);
  if (clients_[slot] && event.writable) write(slot);
  if (clients_[slot] && event.hung_up && !event.readable) drop(slot);
}

void ControlServer::accept() {
  for (std::size_t slot = 0; slot < clients_.size(); ++slot) {
    if (clients_[slot]) continue;
    Fd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    const int raw_fd = fd.get();
    clients_[slot] = std::make_unique<Client>();
    clients_[slot]->fd = std::move(fd);
    if (!poller_.add(raw_fd, kFirstToken + 1 + slot)) drop(slot);
    return;
  }
  // All client slots in use: accept and close immediately.
  const Fd refused(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void ControlServer::drop(std::size_t slot) {
  poller_.remove(clients_[slot]->fd.get());
  clients_[slot].reset();
}

void ControlServer::read(std::size_t slot, Time now) {
  Client& client = *clients_[slot];
  std::array<char, 4096> bytes;
  const ssize_t n = ::recv(client.fd.get(), bytes.data(), bytes.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return drop(slot);
  client.in.append(bytes.data(), static_cast<std::size_t>(n));
  const auto end = client.in.find('\n');
  if (end == std::string::npos) {
    if (client.in.size() > kMaxQuestion) drop(slot);
    return;
  }
  const Json question = Json::parse(client.in.substr(0, end), nullptr, false);
  client.in.erase(0, end + 1);
  if (!question.is_object()) return reply(slot, error_json("the request is not a JSON object"));
  Json result = answer(question);
  if (!result.contains("error") && text_of(question, "verb") == "fw") {
    client.answer = std::move(result);
    client.give_up = now + kSensorPatience;
    for (unsigned i = 0; i < 2; ++i)
      (void)testbed_.side(i).port().firmware().request_sensors(
          now);  // if one is outstanding, its outcome is shared
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

/// Adds the sensors that have arrived to the response; true when all are there.
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
    if (!clients_[slot] || clients_[slot]->answer.empty()) continue;
    Json& pending = clients_[slot]->answer;
    if (!collect_sensors(pending) && now < clients_[slot]->give_up) continue;
    const Json complete = std::exchange(pending, Json());
    reply(slot, complete);
  }
}

Json ControlServer::answer(const Json& question) {
  const std::string verb = text_of(question, "verb");
  const std::string port = text_of(question, "port");
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

/// Handles "inject": "site" is the name of an input site, "value" has at most 32 bits.
Json ControlServer::inject(unsigned index, const Json& question) {
  const std::string name = text_of(question, "site");
  std::vector<std::string> names;
  for (const SiteInfo& site : kSites) names.emplace_back(site.name);
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end()) return error_json(unknown("site", name, names));
  const Json value = question.value("value", Json());
  if (!value.is_number_unsigned() || value > 0xffffffffU)
    return error_json("invalid value: must be a number of at most 32 bits");
  testbed_.side(index).inject(static_cast<Site>(at - names.begin()), value.get<std::uint32_t>());
  return {{"port", testbed_.side(index).name()}, {"site", name}, {"value", value}};
}

/// Handles "reads": [[bar, byte offset], ...]. Reads go through the driver, so registers have
/// their read side effects.
Json ControlServer::read_registers(unsigned index, const Json& question) {
  Json values = Json::array();
  auto& device = testbed_.side(index).port().device();
  const Json reads = question.value("reads", Json::array());
  for (const Json& at : reads) {
    const bool good = at.is_array() && at.size() == 2 && at[0].is_number_unsigned() &&
                      at[1].is_number_unsigned() && values.size() < kMaxRegisters;
    if (!good) break;
    const Bar bar = at[0] == 4 ? Bar::kBar4 : Bar::kBar0;
    values.push_back(device.read_at(Site::kDump, {bar, at[1].get<std::uint32_t>() & ~3U}));
  }
  return {{"port", testbed_.side(index).name()}, {"values", values}};
}

}  // namespace hni::tools
