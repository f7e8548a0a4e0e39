// SPDX-License-Identifier: Apache-2.0
#include "fuzz/seeds/seeds.hpp"

#include <array>

#include "driver/core/input_sites.hpp"
#include "fuzz/script/field_faults.hpp"
#include "fuzz/seeds/seed_maker.hpp"

namespace hni::fuzz {
namespace {

using Maker = SeedMaker;

constexpr auto kLies = std::to_array<std::string_view>(
    {"zero", "max", "low", "below", "high", "above", "stale", "random", "fresh"});

// ---- A vfio-user client's bytes: options, then pieces (kind of descriptors, length, bytes)

using Octets = std::vector<std::uint8_t>;

void append(Octets& to, std::uint64_t value, unsigned bytes) {
  // Little-endian; sizes above eight bytes are padded with zeros.
  for (unsigned i = 0; i < bytes; ++i)
    to.push_back(i < 8 ? static_cast<std::uint8_t>(value >> (8 * i)) : std::uint8_t{0});
}

/// One message in one piece. `kind` 3: without descriptors, 0: a memory file, 9: an eventfd.
Octets message(std::uint8_t command,
               std::initializer_list<std::pair<std::uint64_t, unsigned>> body,
               std::uint8_t kind = 3) {
  Octets payload;
  for (const auto& [value, bytes] : body) append(payload, value, bytes);
  Octets piece{kind};
  append(piece, 16 + payload.size(), 2);
  append(piece, 7, 2);
  append(piece, command, 2);
  append(piece, 16 + payload.size(), 4);
  append(piece, 0, 8);
  piece.insert(piece.end(), payload.begin(), payload.end());
  return piece;
}

void vfio_user_seeds(Maker& to) {
  const auto after_version = [&](const std::string& name, const std::vector<Octets>& pieces) {
    Octets all{1};
    for (const Octets& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
    to.add_bytes("vfio_user", name, all);
  };
  const Octets map = message(2, {{32, 4}, {3, 4}, {0, 8}, {0x10000, 8}, {0x10000, 8}}, 0);
  const Octets master = message(10, {{4, 8}, {7, 4}, {4, 4}, {6, 4}});
  after_version("information", {message(4, {{16, 4}, {0, 12}}), message(5, {{32, 4}, {0, 28}}),
                                message(7, {{16, 4}, {0, 4}, {2, 4}, {0, 4}})});
  after_version("memory",
                {master, map, map, message(3, {{24, 4}, {0, 4}, {0x10000, 8}, {0x10000, 8}})});
  after_version("memory-without-file",
                {message(2, {{32, 4}, {3, 4}, {0, 8}, {0xc0000, 8}, {0x20000, 8}})});
  after_version("unmap-all", {map, message(3, {{24, 4}, {2, 4}, {0, 16}})});
  after_version("interrupts", {message(8, {{20, 4}, {0x24, 4}, {2, 4}, {0, 4}, {1, 4}}, 9),
                               message(8, {{20, 4}, {0x21, 4}, {2, 4}, {0, 4}, {1, 4}}),
                               message(8, {{21, 4}, {0x0a, 4}, {2, 4}, {0, 4}, {1, 4}, {1, 1}}),
                               message(8, {{20, 4}, {0x21, 4}, {2, 4}, {0, 8}})});
  after_version("registers", {message(10, {{0x18000, 8}, {4, 4}, {4, 4}, {1, 4}}),
                              message(9, {{0x18000, 8}, {4, 4}, {8, 4}}),
                              message(9, {{0, 8}, {7, 4}, {4096, 4}})});
  after_version("several-writes", {message(15, {{1, 8}, {0x18000, 8}, {4, 4}, {4, 4}, {5, 8}})});
  after_version("function-level-reset",
                {message(10, {{0x68, 8}, {7, 4}, {2, 4}, {0xa830, 2}}), message(13, {})});
  Octets version{0};
  const Octets hello = message(1, {{0x10000, 4}, {0x7d7b, 2}, {0, 1}});
  version.insert(version.end(), hello.begin(), hello.end());
  to.add_bytes("vfio_user", "version", version);
  after_version("length-of-all-ones",
                {{3, 16, 0, 1, 0, 4, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}});
}

// ---- Rings

void ring_seeds(Maker& to) {
  const std::string traffic = "receive packets=3 length=100\npoll_rx budget=3\n";
  const auto receive = [&](const std::string& name, const std::string& middle) {
    const std::string text =
        traffic + middle + "meta\npoll_rx budget=15\nreset\n" + traffic + "release packets=15\n";
    to.add("rx", name, text);
    to.add("rx", name + "-big-pages", "big_pages\n" + text);
  };
  for (const std::string_view c : kLies) {
    const std::string faulty_value = " class=" + std::string(c) + " random=77\n";
    for (const std::string op : {"header_id", "header_offset", "header_length"})
      receive(op + "-" + std::string(c), op + faulty_value);
    for (const std::string op : {"payload_id", "payload_offset", "payload_length"})
      receive(op + "-" + std::string(c),
              "header length=200\npayload length=900\n" + op + faulty_value);
    receive("opt_meta-" + std::string(c),
            "header length=60\nopt_meta class=" + std::string(c) + " time=77\n");
    receive("rx_word-" + std::string(c), "rx_word_class" + faulty_value);
  }
  receive("timestamp", "header length=60\nopt_meta class=honest time=77\n");
  receive("mac-error", "header length=60\nmeta errors=1\n");
  receive("truncated", "header length=60\nmeta errors=2\n");
  std::string errors;
  for (int i = 0; i < 20; ++i) errors += "header length=60\nmeta errors=1\n";
  receive("many-errors", errors + "poll_rx budget=0\npoll_rx budget=0\n");
  receive("parser-error", "header length=60\nmeta errors=4\n");
  receive("two-headers", "header length=60\nheader length=60\n");
  receive("payload-first", "payload length=60\n");
  receive("meta-first", "");
  receive("two-opt-metas", "header length=60\nopt_meta time=1\nopt_meta time=3\n");
  receive("repeated", "header length=60\nrx_repeat times=1\n");
  receive("early", "header length=60\nrx_early value=0x6000000000000001\n");
  receive("fresh", "fresh value=0x8000000000000001\nheader length=60\n");
  receive("skip-headers", "skip ring=0 count=5\nheader length=60\n");
  receive("skip-too-many", "skip ring=0 count=63\nheader length=60\n");
  receive("rewritten-buffers", "scribble_buffers ring=0 slot=1 value=0x0\nheader length=60\n");
  std::string segments = "header length=60\n";
  for (int i = 0; i < 17; ++i) segments += "payload length=4096\n";
  receive("most-segments", segments);
  receive("too-many-segments", segments + "payload length=4096\n");
  receive("far-too-many-segments", segments + segments.substr(segments.find('\n') + 1));
  std::string laps;
  for (int i = 0; i < 30; ++i) laps += "receive packets=15 length=1000\npoll_rx budget=15\n";
  receive("many-laps", laps);
  const std::string half = "receive packets=15 length=200\npoll_rx budget=15\n";
  to.add("rx", "64-completions", half + half);

  const std::string send = "send segments=1 length=100\nsend segments=3 length=200\n";
  const auto transmit = [&](const std::string& name, const std::string& middle) {
    to.add("tx", name,
           send + middle + "poll_tx budget=63\nreset\n" + send + "confirm packets=5\npoll_tx\n");
  };
  for (const std::string_view c : kLies) {
    const std::string faulty_value = " class=" + std::string(c) + " random=77\n";
    transmit("head-" + std::string(c), "head" + faulty_value);
    transmit("head1-" + std::string(c), "send_plain segments=2 length=60\nhead1" + faulty_value);
    transmit("stamp-" + std::string(c), "send segments=1 length=32868\nstamp class=" +
                                            std::string(c) + " status=0\nconfirm packets=9\n");
    transmit("type-" + std::string(c), "tcd_type" + faulty_value);
    transmit("tx_word-" + std::string(c), "tx_word_class" + faulty_value);
  }
  transmit("stamp-unasked", "stamp class=honest status=0\n");
  transmit("stamp-invalid", "send segments=1 length=32868\nstamp status=1\nconfirm packets=9\n");
  transmit("stamp-illegal", "send segments=1 length=32868\nstamp status=2\nconfirm packets=9\n");
  transmit("stamp-never", "send segments=1 length=32868\nconfirm packets=9\nforget_stamps\n");
  transmit("early", "tx_early value=0x3\n");
  transmit("repeated", "confirm packets=1\ntx_repeat times=3\n");
  transmit("fresh", "fresh value=0x8000000000000001\nconfirm packets=1\n");
  transmit("rewritten-work", "scribble_work queue=0 slot=1 value=0x0\nconfirm packets=1\n");
  std::string full;
  for (int i = 0; i < 40; ++i) full += "send segments=3 length=60\n";
  transmit("full", full + "confirm packets=63\npoll_tx budget=3\n");
  std::string tx_laps;
  for (int i = 0; i < 60; ++i) tx_laps += "send segments=2\nconfirm packets=9\npoll_tx budget=9\n";
  transmit("many-laps", tx_laps);
  const auto bursts = [](const std::string& burst, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += burst + "answer packets=15\npoll_tx budget=62\n";
    return text;
  };
  to.add("tx", "64-heads", bursts("burst packets=15 length=200\n", 4));
  to.add("tx", "64-completions", bursts("burst packets=15 length=32968\n", 2));  // and timestamps
  const std::string both = "burst packets=47 length=100\nburst_plain packets=63 length=100\n";
  transmit("burst-fills-the-ring", both + both + "answer packets=20\nanswer packets=20 queue=1\n");
  std::string forward;
  for (int i = 0; i < 12; ++i)
    forward +=
        "receive packets=7 length=600\npoll_rx budget=7 keep=1\nforward packets=7\n"
        "confirm packets=7\npoll_tx budget=7\n";
  to.add("traffic", "forward", forward);
  to.add("traffic", "forward-and-lies",
         forward + "header_id class=above\npoll_rx budget=3\n" + forward +
             "head class=above\npoll_tx budget=3\n" + forward);
}

// ---- Faults at the input sites

const std::string kLife =
    "attach\nstart\nadvance unit=1 count=15\nadvance unit=6 count=2\n"
    "inject frames=3 bytes=200\nsend frames=3 bytes=300\nadvance unit=0 count=15\nreceive\n"
    "interrupt vector=1\nrequest what=0\nrequest what=1 number=4096\nrequest what=2 "
    "number=1\nrequest what=6 "
    "number=3\n"
    "advance unit=1 count=5\nrequest what=3 number=4096\nrequest what=5\n"
    "request what=4 number=3000\nadvance unit=1 count=9\n"
    "inspect what=0\ninspect what=1\ninspect what=2\ninspect what=4\ninspect what=5 number=7\n"
    "advance unit=6\ninject frames=1 bytes=1500\nadvance unit=0 count=15\nreceive\n";

/// Up, two frames each way, down and up again.
const std::string kShort =
    "attach\nstart\nadvance unit=1 count=15\nadvance unit=6 count=2\ninject frames=1 bytes=200\n"
    "send frames=1 bytes=300\nadvance unit=4\nreceive bursts=1\nstop\nadvance unit=4\nstart\n"
    "advance unit=4\n";

void door_seeds(Maker& to) {
  const auto six =
      std::to_array<std::string_view>({"zero", "max", "below", "above", "stale", "fresh"});
  for (const SiteInfo& site : kSites) {
    for (const std::string_view c : six) {
      std::size_t number = 0;
      while (kClassNames[number] != c) ++number;
      const std::string faulty_value = "fault site=" + std::string(site.name) +
                                       " class_count=" + std::to_string(number + 256) +
                                       " value=0x0\n";
      const std::string name = std::string(site.name) + "-" + std::string(c);
      // Read only at some speeds, or while management traffic runs.
      if (site.id == Site::kPcsOut1)
        to.add("port", name + "-with-base-r", "fw_config what=97\n" + faulty_value + kLife);
      if (site.id == Site::kPbufCfg)
        to.add("port", name + "-with-management",
               "fault site=rmi_config class_count=258 value=0x0\n" + faulty_value + kLife);
      // Immediately for sites that bring-up reads; later, and on a stopped port, for the rest.
      const std::string test = "stop\nadvance unit=1 count=9\ninspect what=3 number=9\nstart\n";
      to.add("port", name + "-in-bring-up", faulty_value + kLife);
      to.add("port", name + "-in-traffic",
             "filter what=3 number=1\nattach\nstart\nadvance unit=1 count=15\n"
             "advance unit=6 count=2\n" +
                 faulty_value + kLife + faulty_value + test);
      if (site.kind != SiteKind::kMailbox && site.kind != SiteKind::kMessage &&
          site.id != Site::kIntrStatus && site.id != Site::kMailboxLength)
        continue;
      to.add("mailbox", name,
             faulty_value + "advance unit=1 count=9\nown take=1\nadvance unit=1 count=5\n" +
                 faulty_value + "request what=0\nrequest what=5\nadvance unit=1 count=5\n" +
                 faulty_value + "advance unit=3 count=1\nrequest what=7\n");
    }
  }
}

void life_seeds(Maker& to) {
  const auto port = [&](const std::string& name, const std::string& middle) {
    to.add("port", name,
           kLife + middle + "advance unit=1 count=15\n" + "advance unit=3 count=5\n");
  };
  port("good", "");
  // Timers served on time: ten seconds and more.
  port("long-life", "advance unit=7 count=2\n");
  port("wire-stuck-and-served", "refuse_frames on=1\nsend frames=9 bytes=60\nadvance unit=7\n");
  port("stopped-with-a-stuck-wire",
       "refuse_frames on=1\nsend frames=9 bytes=9000\nsend frames=9 bytes=9000\nstop\n"
       "advance unit=4 count=15\nadvance unit=5 count=3\nstart\nadvance unit=7\n");
  port("firmware-silent-and-served", "fw_faults bits=1\nadvance unit=7 count=4\n");
  port("uptime-backwards-and-served", "fw_faults bits=8\nadvance unit=7 count=2\n");
  port("firmware-reboot-and-served", "fw_reboot\nadvance unit=7 count=2\n");
  port("link-flap-and-served",
       "cable plugged=0\nadvance unit=6\ncable plugged=1\n"
       "advance unit=6 count=2\ninject frames=3 bytes=90\n"
       "advance unit=4\nreceive\n");
  port("interrupts-lost-and-served", "lose_interrupts on=1\nadvance unit=7 count=1\n");
  port("taken-over-late",
       "stop\nadvance unit=6\nfw_faults bits=2\nstart\nadvance unit=7 count=2\n");
  port("stopped-while-taking-over", "stop\nadvance unit=6\nstart\nstop\nadvance unit=6\n");
  std::string flaps;
  for (int i = 0; i < 40; ++i)
    flaps += "cable plugged=" + std::to_string(i % 2) + "\ninterrupt vector=1\nadvance unit=1\n";
  port("link-flaps-until-muted", flaps + "advance unit=6 count=3\n");
  for (unsigned what = 0; what < 16; ++what) {
    for (const unsigned number : {0U, 1U, 2U, 3U, 4U, 5U, 255U, 1279U, 2000U, 4095U, 65535U}) {
      if (what < 4 && number > 5) continue;
      to.add("port", "setting-" + std::to_string(what) + "-of-" + std::to_string(number),
             "configure what=" + std::to_string(what) + " number=" + std::to_string(number) +
                 "\n" + kShort);
    }
  }
  port("register-test-of-all",
       "stop\nadvance unit=1 count=9\ninspect what=3 number=2047\nstart\n");
  port("dump-of-unnamed-registers", "inspect what=2 number=7\n");
  port("stop-and-start", "stop\nadvance unit=1 count=5\nstart\n");
  port("detach-and-attach", "detach\nadvance unit=1 count=5\nattach\nstart\n");
  port("removed", "gone on=1\nadvance unit=1 count=3\ngone on=0\n");
  port("removed-then-detached", "gone on=1\nadvance unit=1\ndetach\n");
  port("firmware-silent", "fw_faults bits=1\nadvance unit=3 count=6\n");
  port("firmware-without-answers", "fw_faults bits=2\nadvance unit=3 count=6\n");
  port("firmware-without-interrupts", "fw_faults bits=4\nadvance unit=3 count=6\n");
  port("uptime-backwards", "fw_faults bits=8\nadvance unit=3 count=6\n");
  port("firmware-reboot", "fw_reboot\nadvance unit=3 count=6\n");
  port("reboot-in-bring-up", "detach\nattach\nfw_reboot\nstart\n");
  port("sensor-error-positive", "fw_faults bits=32 requests=8\nrequest what=0\n");
  port("sensor-error-negative", "fw_faults bits=32 requests=65528\nrequest what=0\n");
  port("module-error-positive", "fw_faults bits=64 requests=64\nrequest what=1 number=4096\n");
  for (const std::string c : {"1", "2", "4", "6", "7", "3", "5"})
    port("error-code-" + c, "fw_faults bits=96 requests=65528\nfault site=fw_error class_count=" +
                                c + " value=0x0\nrequest what=0\nadvance unit=1\n");
  port("capabilities-unasked", "fw_announce\nfw_announce\n");
  port("bmc-appears", "fw_config what=28\nfw_announce\nadvance unit=3 count=4\n");
  port("no-link-speed", "fw_config what=0\nfw_announce\nadvance unit=3 count=4\nstop\nstart\n");
  port("raw-message", "fw_raw words=1 value=0x0000000000018011\n");
  port("link-flap", "cable plugged=0\nadvance unit=1\ncable plugged=1\n");
  port("link-flaps", "cable plugged=0\ncable plugged=1\ncable plugged=0\ncable plugged=1\n");
  port("peer-pauses", "pause on=1\nsend frames=15 bytes=60\nadvance unit=3 count=3\npause on=0\n");
  port("wire-stuck", "refuse_frames on=1\nsend frames=9 bytes=60\nadvance unit=3 count=3\n");
  port("reset-of-function", "card_reset power=0\nadvance unit=3 count=5\n");
  port("reset-of-power", "card_reset power=1\nadvance unit=3 count=5\n");
  port("interrupts-lost", "lose_interrupts on=1\nadvance unit=3 count=5\n");
  port("interrupt-storm", "interrupt vector=0 times=15\ninterrupt vector=1 times=15\n");
  port("every-length",
       "send frames=0 bytes=9741\nsend bytes=4096\nsend bytes=4097\n"
       "advance unit=1\ninject bytes=9741\ninject bytes=4096\nadvance unit=1\n"
       "receive\n");
  port("fails-again-and-again", "fw_faults bits=1\nadvance unit=3 count=6\ninsist times=9\n");
  // Packet memory, mailbox and five rings, or none of them.
  for (int i = 0; i < 8; ++i)
    to.add("port", "allocation-" + std::to_string(i) + "-fails",
           "fail_alloc count=1 after=" + std::to_string(i) +
               "\nattach\nstart\nadvance unit=1 count=9\n");
  to.add("mailbox", "unsolicited-answer",
         "advance unit=1 count=5\nbegin type=21\nattribute id=0 length=12 value=0x7\ndeliver\n");
  to.add("mailbox", "capabilities-unasked",
         "advance unit=1 count=5\nannounce\nadvance unit=1 count=1\nannounce\nadvance\n");
  to.add("mailbox", "answer-lost",
         "own take=1\nadvance unit=1 count=9\nswallow answers=0\nrequest what=5\nadvance\n");
  to.add("mailbox", "claims-more-than-sent",
         "advance unit=1 count=5\nbegin type=17\ndeliver claim=1 length=4097\nadvance\n");
  to.add("mailbox", "restart",
         "own take=1\nadvance unit=1 count=9\nreboot\nadvance unit=3 count=3\n");
}

// ---- The rest

void plain_seeds(Maker& to) {
  to.add("canary", "one-step", "open key=90\n");
  to.add("empty", "nothing", "poll_rx\n");
  for (const std::string site : {"bump", "set"})
    for (const std::string value :
         {"0x0", "0x1", "0xffffffffffffffff", "0xffffffff", "0x80000000"})
      for (const std::string group : {"0", "1", "28", "33", "36"})
        to.add("statistics", site + "-group" + group + "-by-" + value,
               site + " group=" + group + " element=1 value=" + value +
                   "\nstep seconds=1\nupdate\n" + site + " group=" + group +
                   " element=1 value=" + value + "\nupdate\n");
  for (const std::string_view c : kLies)
    to.add("statistics", "clock-" + std::string(c),
           "clock class=" + std::string(c) +
               " random=9 value=0xffffffffff\nfresh reads=9\n"
               "clock class=" +
               std::string(c) + " random=9 value=0x0\n");
  for (const std::string when : {"0x0", "0x1", "0x2"})
    to.add("statistics", "carries-behind-read-" + when.substr(2),
           "carry group=0 value=" + when + "\nupdate\ncarry group=0 value=" + when +
               "\nsnapshot\nupdate\n");
  to.add("statistics", "snapshot-while-no-half-rests", "fresh reads=255\nsnapshot\nupdate\n");
  to.add("statistics", "high-half-never-rests", "fresh reads=200\nupdate\nsnapshot\nupdate\n");
  const std::string frames =
      "frame kind=0 to=80 value=0x1\nframe kind=1 to=80 value=0x5\n"
      "frame kind=2 to=80 value=0x5\nframe kind=3 to=80\n"
      "frame kind=9 to=80 value=0x0\nframe kind=9 to=80 value=0x27\n"
      "frame kind=10 to=80 value=0x0\nframe kind=10 to=80 value=0x27\n";
  for (const std::string op : {"promiscuous on=1",
                               "all_multicast on=1",
                               "broadcast on=1",
                               "unicast count=5 first=3",
                               "unicast count=40 first=3",
                               "multicast count=5 first=3",
                               "multicast count=40 first=3",
                               "bmc bits=3 first=9",
                               "queues count=1",
                               "queues count=128",
                               "table context=0 queue=3",
                               "hash type=3 fields=6",
                               "key byte=85",
                               "stop",
                               "reprogram",
                               "rewrite",
                               "mac number=9",
                               "add_rule kind=16 port=80 value=0x0",
                               "add_rule kind=2 port=80 value=0x0",
                               "add_rule kind=4 port=80 value=0x0",
                               "add_rule kind=16 port=80 value=0x31"}) {
    std::string name = op;
    for (char& c : name)
      if (c == ' ' || c == '=') c = '-';
    to.add("classifier", name, op + "\n" + frames + "stop\n" + frames + "start\n" + frames);
  }
  to.add("classifier", "rule-removed",
         "add_rule kind=16 port=80 value=0x0\n" + frames + "remove_rule number=47\n" + frames);
  to.add("classifier", "table-beyond-the-queues",
         "queues count=4\ntable context=0 queue=9\n" + frames + "frame kind=4 to=81 value=0x3\n");
  const std::string up = "gates open=3\ntx_queue queue=0 pages=528\nrx_queue queue=0 pages=1347\n";
  to.add("card", "queues",
         up + "doorbell queue=0 value=9\nrun turns=3\nframe kind=1 bytes=90\nrun\n");
  to.add("card", "rings-on-one-page",
         "gates open=3\ntx_queue queue=0 pages=0\nrx_queue queue=0 pages=0\n"
         "descriptors page=0 count=64 value=0xa000000000000064\ndoorbell queue=0 value=63\nrun\n");
  to.add("card", "unmapped-ring", up + "unmap page=0\ndoorbell queue=0 value=9\nrun turns=9\n");
  to.add("card", "reset-in-traffic",
         up + "doorbell queue=0 value=9\nreset power=1\nrun turns=9\n");
  to.add("card", "mailbox-at-itself",
         "gates open=3\nmailbox descriptor=16 half=1 value=0x10000000\n"
         "mailbox descriptor=16 half=0 value=0x1\ntick unit=1 count=9\nrun\n");
  // Messages: a header, then attributes [device 5].
  to.add_bytes("tlv", "empty", {});
  to.add_bytes("tlv", "heartbeat", {0x15, 0x80, 4, 0, 0, 0, 12, 0, 1, 2, 3, 4, 5, 6, 7, 8});
  to.add_bytes("tlv", "capabilities",
               {0x11, 0x80, 5, 0, 0, 0, 8, 0, 2, 0x19, 7, 0x19, 0x0a, 0, 8, 0, 4, 0, 0, 0});
  to.add_bytes("tlv", "flag-alone", {0x19, 0x80, 2, 0, 0, 0, 4, 0});
  to.add_bytes("tlv", "capabilities-of-empty-text",
               {0x11, 0x80, 4, 0, 0, 0, 8, 0, 2, 0x19, 7, 0x19, 6, 0, 4, 0});
  to.add_bytes("tlv", "capabilities-without-all-multicast",
               {0x11, 0x80, 7, 0, 0, 0, 8, 0, 2, 0x19, 7, 0x19, 0x0a, 0,
                8,    0,    4, 0, 0, 0, 8, 0, 8, 0,    0, 0,    0,    0});
  to.add_bytes("tlv", "attribute-behind-the-message",
               {0x15, 0x80, 3, 0, 0, 0, 12, 0, 1, 2, 3, 4, 5, 6, 7, 8});
  to.add_bytes("tlv", "attribute-of-length-zero", {0x15, 0x80, 2, 0, 0, 0, 0, 0});
  to.add_bytes("tlv", "attribute-twice",
               {0x15, 0x80, 5, 0, 0, 0, 8, 0, 1, 2, 3, 4, 0, 0, 8, 0, 1, 2, 3, 4});
  to.add_bytes("tlv", "length-of-all-ones", {0x15, 0x80, 0xff, 0xff, 0, 0, 12, 0});
  for (const unsigned records : {13U, 14U}) {
    // First record, number of further ones, their times: the message holds thirteen of them.
    const unsigned array = 4 + 8 * records;
    Octets log;
    append(log, 0x8044U | (11 + array / 4) << 16, 4);
    append(log, 8U << 16 | 0, 4);
    append(log, 1, 4);
    append(log, 8U << 16 | 1, 4);
    append(log, 1, 4);
    append(log, 12U << 16 | 2, 4);
    append(log, 0x64636261, 8);
    append(log, 8U << 16 | 3, 4);
    append(log, 13, 4);
    append(log, array << 16 | 4, 4);
    for (unsigned n = 0; n < records; ++n) append(log, 5ULL << 32 | 8U << 16, 8);
    append(log, 4U << 16 | 5, 4);
    to.add_bytes("tlv", "log-of-" + std::to_string(records) + "-further-records", log);
  }
  to.add_bytes("tlv", "not-to-be-ignored", {0x15, 0x80, 2, 0, 0x1f, 0x40, 4, 0});
  vfio_user_seeds(to);
}

}  // namespace

std::vector<Seed> make_seeds() {
  Maker maker;
  ring_seeds(maker);
  door_seeds(maker);
  life_seeds(maker);
  plain_seeds(maker);
  rule_seeds(maker);
  firmware_seeds(maker);
  application_seeds(maker);
  vhost_user_seeds(maker);
  text_seeds(maker);
  return std::move(maker.seeds);
}

}  // namespace hni::fuzz
