// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/testbed.hpp"

#include <algorithm>
#include <filesystem>

namespace hni::tools {
namespace {

constexpr std::uint32_t kMaxFragmentsHeld = kMaxSegments + 32;  // by the endpoint, per queue

device::CardConfig card_config(unsigned index) {
  device::CardConfig config;
  config.serial_number = device::CardConfig::serial_number_of(Node::mac_of(index));
  return config;
}

std::uint64_t ns(Time t) {
  return static_cast<std::uint64_t>(t.count());
}

}  // namespace

PortConfig port_config(const TestbedOptions& options, const MacAddress& mac) {
  PortConfig config;
  config.mac = mac;
  config.queues = options.queues;
  config.mtu = options.mtu;
  config.queue.tx_ring = options.ring;
  config.queue.rx_ring = options.ring;
  config.queue.header_ring = std::max(options.ring / 4, kMinRingSize);
  config.queue.payload_ring = std::max(options.ring / 4, kMinRingSize);
  config.queue.split_headers = options.split_headers;
  config.spare_fragments = options.queues * (options.ring + kMaxFragmentsHeld);
  return config;
}

// ---- Node

MacAddress Node::mac_of(unsigned index) {
  return {0x02, 0x77, 0x00, 0x00, 0x00, static_cast<std::uint8_t>(index + 1)};
}

Node::Node(unsigned index, device::Wire& wire)
    : name_("hni" + std::to_string(index)),
      card_(card_config(index), wire),
      io_(card_.io),
      observer_(index),
      port_(io_, observer_) {}

bool Node::turn(Time now) {
  bool moved = false;
  for (std::uint32_t q = 0; q < port_.queues(); ++q)
    moved = end_->transmit(QueueId{static_cast<std::uint16_t>(q)}, now) || moved;
  card_.card.tick(ns(now));
  moved = card_.card.run(kCardBudget) || moved;
  interrupts_ += card_.vectors.take([&](Vector vector) {
    port_.interrupt(vector, now);
    end_fault();
    const std::uint32_t v = raw(vector);
    if (v >= CardPort::kFirstQueueVector && v - CardPort::kFirstQueueVector < kMaxQueues)
      active_.set(v - CardPort::kFirstQueueVector);
  });
  if (active_.any()) {
    for (std::uint32_t q = 0; q < port_.queues(); ++q) {
      if (active_.test(q)) moved = poll(QueueId{static_cast<std::uint16_t>(q)}, now) || moved;
    }
  }
  if (now >= port_.deadline()) port_.step(now);
  if (retries()) {
    if (const auto line = retry_.turn(port_, now)) say_(name_ + ": " + *line);
  }
  end_fault();
  return moved;
}

/// Polls like a kernel driver: until the queue is empty, then rearms its interrupt.
bool Node::poll(QueueId queue, Time now) {
  std::array<Packet, kBatch> packets;
  const std::uint32_t received = port_.rx_burst(queue, packets, now);
  end_fault();
  if (received != 0) end_->receive(queue, std::span(packets).first(received));
  const std::uint32_t reaped = port_.tx_reap(queue, now);
  if (received != 0 || reaped != 0) return true;
  active_.reset(raw(queue));
  port_.rearm(queue);
  return false;
}

void Node::end_fault() {
  const auto site = io_.faulty_site();
  if (!site) return;
  if (io_.ordered(*site) == 0 ||
      (fault_until_refused_ &&
       port_.refused()[static_cast<std::size_t>(*site)] != refused_before_))
    io_.clear_fault();
}

Time Node::deadline() const {
  const std::uint64_t card = card_.card.next_deadline_ns();
  const auto longest = static_cast<std::uint64_t>(Time::max().count());
  return std::min({port_.deadline(), end_->deadline(), retry_.deadline(),
                   Time(static_cast<std::int64_t>(std::min(card, longest)))});
}

bool Node::quiet() const {
  const device::CardOccupancy held = card_.card.occupancy();
  if (held.tx_frames_held != 0 || held.rx_frames_held != 0) return false;
  if (active_.any() || end_->held_packets() != 0) return false;
  for (std::uint32_t q = 0; q < port_.queues(); ++q) {
    if (!port_.pair(QueueId{static_cast<std::uint16_t>(q)}).tx.ring(0).window.empty())
      return false;
  }
  return true;
}

// ---- Testbed

Outcome<std::unique_ptr<Testbed>> Testbed::create(const TestbedOptions& options) {
  std::unique_ptr<Testbed> testbed(new Testbed(options));
  device::Wire* first = &testbed->cable_.end(0);
  if (!options.pcap.empty()) {
    auto writer = device::PcapWriter::open(options.pcap);
    if (!writer) return problem("--pcap: " + writer.error().text);
    testbed->capture_.emplace(std::move(*writer));
    first = &testbed->recorder_.emplace(testbed->cable_.end(0), *testbed->capture_);
  }
  testbed->sides_[0] = std::make_unique<Node>(0, *first);
  testbed->sides_[1] = std::make_unique<Node>(1, testbed->cable_.end(1));
  return testbed;
}

Testbed::~Testbed() {
  for (auto& side : sides_) {
    if (side && side->end() != nullptr) side->end()->release();
  }
}

Outcome<> Testbed::start(Time now) {
  for (unsigned i = 0; i < 2; ++i) {
    CardPort& port = sides_[i]->port();
    const auto attached = port.attach(port_config(options_, Node::mac_of(i)), now);
    if (!attached) {
      const Error error = attached.error();
      return problem(sides_[i]->name() + ": " + std::string(error.text()));
    }
    port.start(now);
  }
  return {};
}

bool Testbed::turn(Time now) {
  const bool first = sides_[0]->turn(now);
  return sides_[1]->turn(now) || first;
}

Time Testbed::deadline() const {
  return std::min(sides_[0]->deadline(), sides_[1]->deadline());
}

bool Testbed::up() const {
  return std::all_of(sides_.begin(), sides_.end(), [](const auto& side) {
    return side->port().state() == PortState::kRunning && side->port().link_up();
  });
}

bool Testbed::quiet() const {
  return cable_.waiting(0) == 0 && cable_.waiting(1) == 0 && sides_[0]->quiet() &&
         sides_[1]->quiet();
}

std::optional<std::string> Testbed::broken() const {
  for (const auto& side : sides_) {
    const PortState state = side->port().state();
    const bool failed = state == PortState::kFailed && !side->retries();
    if (failed || state == PortState::kGone) {
      const Error error = side->port().error();
      return side->name() + ": " + std::string(error.text());
    }
    if (side->end() != nullptr) {
      if (auto why = side->end()->broken()) return why;
    }
  }
  return std::nullopt;
}

Outcome<> Testbed::write_capture() {
  std::error_code error;
  if (!capture_ || capture_->flush(std::chrono::milliseconds(0)) ||
      std::filesystem::is_fifo(options_.pcap, error))
    return {};
  return problem("--pcap: " + capture_->error());
}

Outcome<> Testbed::flush_capture() {
  if (capture_ && !capture_->flush()) return problem("--pcap: " + capture_->error());
  return {};
}

}  // namespace hni::tools
