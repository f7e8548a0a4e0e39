// SPDX-License-Identifier: Apache-2.0
// Seeds for branches that no fault at a single site reaches: out-of-order calls, arguments out of
// range, a card that is removed during a call, queues that never become idle.
#include "fuzz/seeds/seed_maker.hpp"

namespace hni::fuzz {
namespace {

std::string number(std::uint64_t n) {
  return std::to_string(n);
}
// Arms faults of class `c` (its number) for the next `count` values of `site`, after `after`
// unchanged ones.
std::string faulty_value(const std::string& site, unsigned c, unsigned count, unsigned after = 0,
                         std::uint32_t value = 0) {
  return "fault site=" + site + " class_count=" + number(c + 256 * (count - 1) + 4096 * after) +
         " value=" + number(value) + "\n";
}
constexpr unsigned kZero = 1;
constexpr unsigned kMax = 2;
constexpr unsigned kRandom = 8;

std::string call(unsigned what, unsigned argument = 0, std::uint32_t value = 0) {
  return "call what=" + number(what) + " number=" + number(argument) + " value=" + number(value) +
         "\n";
}

const std::string kReady = "attach\nadvance unit=6 count=1\n";
const std::string kRunning = kReady + "start\nadvance unit=6 count=11\n";
const std::string kTraffic =
    "inject frames=3 bytes=200\nsend frames=3 bytes=300\nadvance unit=4\nreceive bursts=1\n";

void call_seeds(SeedMaker& to) {
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("port", name, text);
  };
  add("called-while-detached", call(0) + call(1) + call(2) + call(10) + call(14) + "detach\n" +
                                   call(5, 3) + call(8) + "offload how=0 bytes=60\n");
  for (const std::string state : {"ready", "running"}) {
    const std::string up = state == "ready" ? kReady : kRunning;
    add("called-while-" + state, up + call(0) + call(1, 3) + call(2, 0) + call(2, 65535, 9) +
                                     call(2, 9000) + call(6) + call(10) + call(14, 65535) +
                                     call(14, 0) + call(14, 9) + call(14, 9) + call(14, 400) +
                                     call(15, 1) + kTraffic);
    add("firmware-asked-for-nothing-while-" + state,
        up + call(4, 0) + call(4, 1) + call(4, 2) + call(4, 2) + call(4, 0x101) + call(4, 0x302) +
            call(4, 0x902) + "advance unit=4\n");
    add("lists-while-" + state, up + call(5, 0) + call(5, 1) + call(5, 20) + call(5, 64) +
                                    call(5, 0x8005) + call(5, 0x8040) + call(6, 0x8000) +
                                    "advance unit=6\nadvance unit=7\n");
    add("clock-slewed-while-" + state, up + call(8, 7, 5) + call(8, 7, 0xfffffff0U) +
                                           call(8, 7, 0x7fffffff) + call(8, 7, 0x80000001U) +
                                           "advance unit=7\n");
  }
  add("lists-beside-a-controller", "fw_config what=28\n" + kRunning + call(5, 20) + call(5, 64) +
                                       call(5, 0x8005) + call(5, 0x8040) +
                                       "advance unit=6\nadvance unit=7\n");
  add("detached-as-the-card-is-gone",
      kRunning + "gone on=1\ninspect what=1\ndetach\n" + call(15) + "attach\n");
  add("stepped-as-the-card-is-gone", kRunning + "gone on=1\n" + call(8) + call(15) + call(15));
  add("stopped-before-the-firmware-answers",
      kReady + "fw_faults bits=2\nstart\nadvance unit=1 count=1\nstop\nadvance unit=5\n");
  add("gone-before-the-firmware-answers",
      kReady +
          "fw_faults bits=2\nstart\nadvance unit=1 count=1\ngone on=1\nadvance unit=7 count=1\n");
  add("speed-lost-before-the-start", kReady +
                                         "fw_config what=0\nrequest what=7\nstart\n"
                                         "advance unit=1 count=9\nadvance unit=6\n");
  add("stamps-of-udp-alone", "filter what=3 number=2\n" + kRunning + kTraffic);
  std::string questions;
  for (int i = 0; i < 16; ++i) questions += "request what=7\n";
  for (unsigned after = 0; after < 3; ++after)
    add("dump-goes-on-on-a-full-mailbox-" + number(after),
        kRunning + "request what=3 number=8192\n" + questions +
            faulty_value("mailbox_low", kZero, 1, after) +
            "advance unit=1 count=2\nrequest what=3\n");
  add("nobody-listens", "configure what=12 number=1\n" + call(10, 1) + kRunning + kTraffic +
                            "offload how=1 bytes=60\nadvance unit=4\n" + call(10) + kTraffic +
                            "advance unit=4\n" + call(1));
  for (const unsigned late : {1U, 120U})
    add("clock-base-" + number(late) + "-seconds-old", kRunning + call(8, late));
  add("dump-of-all", kReady + call(7, 999));
  add("dump-while-the-card-vanishes", kReady + "vanish accesses=500\n" + call(7, 99));
  add("queues-that-do-not-run", call(11));
  add("lap-in-one-poll", call(12));
  add("timestamps-that-nobody-fetches", call(13));
  // Bytes: a mask, a head, a tail, then further members of the ring.
  std::string rings;
  for (const std::uint32_t bytes :
       {0U,          2U,          0x00000007U, 0x00000907U, 0x00090007U, 0x05090007U,
        0x05060207U, 0x02060207U, 0x09060207U, 0x01060207U, 0x07010607U, 0x02010607U,
        0x03020607U, 0x010207ffU, 0x02020207U, 0x01020707U, 0x01020307U, 0x04000607U,
        0x010105ffU, 0x06020107U, 0x0109020fU, 0x7f0b040fU, 0x030c050fU, 0x010a0a0fU,
        0x0109ff0fU, 0x0104090fU, 0x0103080fU, 0x0506080fU, 0x040b030fU})
    rings += call(13, 0, bytes);
  add("rings-of-any-bytes", rings);
  // Queue tables that name more queues than the port has.
  add("table-of-queues-that-are-no-more",
      "configure what=0 number=2\nattach\nadvance unit=6\n" + call(6, 1) + call(6, 0x101) +
          call(6, 0x301) + "detach\nadvance unit=4\nconfigure what=0 number=1\nattach\n" +
          call(6, 0x8000) + call(6, 0x8100) + call(6, 0x8300) + "attach\n");
  for (unsigned n = 0; n < 8; ++n)
    add("host-memory-" + number(n) + "-fails",
        "fail_host count=1 after=" + number(n) + "\nattach\nfail_host count=0\n");
  add("allocation-fails-in-a-port-of-two-queues",
      "configure what=0 number=2\nfail_alloc count=1 after=9\nattach\n");
  std::string flaps;
  for (int i = 0; i < 34; ++i)
    flaps += "cable plugged=0\nadvance unit=6\ncable plugged=1\nadvance unit=6 count=9\n";
  add("events-that-nobody-fetches", kRunning + flaps);
}

void test_seeds(SeedMaker& to) {
  // Two bits per step of 5 ms: lost interrupts and spurious interrupts.
  const auto add = [&](const std::string& name, unsigned argument, std::uint32_t bits) {
    to.add("port", "vectors-" + name, kReady + call(9, argument, bits));
  };
  constexpr unsigned kSecond = 1 + 4 * 2;  // one vector; the spurious interrupt is vector 2
  add("none", 0, 0);
  add("good", kSecond, 0);
  add("more-than-there-are", 3, 0);
  add("of-no-number", 1 + 4 * 400, 0xaaaaaaaa);
  add("fired-while-masked", kSecond, 0x2);
  add("silent-after-unmask", kSecond, 0x55555555);
  add("fired-without-cause", kSecond, 0x2a0);
  add("silent", kSecond, 0x55555540);
  add("two", 2, 0);
  add("fired-after-the-test", 2 + 4 * 3, 0x2);
  for (const unsigned turn : {0U, 4U, 5U}) {
    add("swallowed-from-turn-" + number(turn), kSecond, 0x55555555U << 2 * turn);
    add("invented-at-turn-" + number(turn), kSecond, 2U << 2 * turn);
    add("another-invented-at-turn-" + number(turn), 1 + 4 * 3, 2U << 2 * turn);
  }
  to.add("port", "vectors-not-cleared",
         kReady + faulty_value("intr_status", kMax, 16) + faulty_value("intr_mask", kZero, 16) +
             call(9, kSecond));
  to.add("port", "registers-tested-while-the-card-vanishes",
         kReady + "vanish accesses=77\ninspect what=3 number=99\n");
}

void link_seeds(SeedMaker& to) {
  // Speed in bits 5:3 of the number, FEC in bits 1:0 of the value, then two bits per step.
  for (const unsigned speed : {0U, 1U, 4U, 5U})
    for (unsigned fec = 0; fec < (speed == 1 ? 4U : 1U); ++fec) {
      const unsigned argument = speed * 8 + 7 + (9 << 6);
      const std::string name = "link-of-speed-" + number(speed) + "-fec-" + number(fec);
      to.add("port", name,
             "fw_config what=" + number(speed + 32 * fec) + "\n" + kReady +
                 call(3, argument, fec | 0xe4e4e4c4U << 2));
      to.add("port", name + "-locked",
             kReady + faulty_value("pcs_out0", kMax, 16) + faulty_value("pcs_out1", kMax, 16) +
                 call(3, argument, fec | 0x1616161cU));
    }
  for (const std::string site : {"xpcs", "pcs_out0", "pcs_out1", "presence"})
    for (unsigned after = 0; after < 5; ++after)
      for (const unsigned value : {0x80U, 0x60U, 0x0U, 0xffU})
        if (site == "xpcs" ? value != 0 : value == 0 && after < 3)
          to.add("port", "link-" + site + "-says-" + number(value) + "-after-" + number(after),
                 kReady + faulty_value(site, kRandom, 16, after, value) +
                     call(3, 4 * 8 + 7 + (9 << 6), 2 | 0xe7e7e184U));
  for (unsigned after = 0; after < 2; ++after)
    to.add("port", "link-pcs-never-out-of-reset-" + number(after),
           kReady + faulty_value("xpcs", kRandom, 16, after, 0x8080) +
               call(3, 4 * 8 + 7 + (9 << 6), 0xfffffffeU));
  for (const unsigned n : {2U, 20U})
    to.add("port", "link-vanishes-at-" + number(n),
           kReady + faulty_value("pcs_out0", kMax, 16) + "vanish accesses=" + number(n) + "\n" +
               call(3, 1 * 8 + 7, 1));
  for (unsigned look = 0; look < 4; ++look)
    to.add("port", "link-of-base-r-vanishes-at-look-" + number(look),
           "fw_config what=97\n" + kReady + faulty_value("pcs_out0", kMax, 16) +
               faulty_value("pcs_out1", kMax, 16) + faulty_value("presence", kMax, 1, look) +
               call(3, 1 * 8 + 7, 3));
  to.add("port", "link-vanishes-as-a-storm-is-looked-for",
         kRunning + faulty_value("pause_storm", kMax, 1) + faulty_value("presence", kMax, 16) +
             "advance unit=6 count=3\n");
  to.add("port", "link-pcs-of-another-speed",
         kReady + faulty_value("xpcs", kRandom, 1, 5, 0x7fff) +
             call(3, 4 * 8 + 7 + (9 << 6), 2 | 0xe7e7e184U));

  for (const unsigned turns : {0xddddU << 3, 0x7777U << 3})
    to.add("port", "link-muted-between-looks-" + number(turns),
           kReady + faulty_value("xpcs", kZero, 16) + call(3, 4 * 8 + 7, 2 | turns));
}

void rest_seeds(SeedMaker& to) {
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("port", name, text);
  };
  // When queues are disabled, one register reports busy, forever or for a while.
  const std::string slow = "advance unit=2 count=15\n";
  for (unsigned after = 0; after < 8; ++after)
    add("busy-at-look-" + number(after), kRunning + kTraffic +
                                             faulty_value("idle", kZero, 1, after) +
                                             "stop\nadvance unit=1 count=5\n");
  for (const std::string end : {"stop\n", "detach\n", "card_reset power=0\n"}) {
    const std::string name = end.substr(0, end.find_first_of("_\n"));
    add("never-at-rest-" + name,
        kRunning + kTraffic + faulty_value("idle", kZero, 16) + end + slow);
    add("never-at-rest-of-two-" + name, "configure what=0 number=2\n" + kRunning + kTraffic +
                                            faulty_value("idle", kZero, 16) + end + slow);
  }
  // A queue that faulted and does not become idle.
  for (const std::string site : {"tcq_word", "rcq_word"}) {
    add("faulted-and-never-at-rest-" + site, kRunning + faulty_value(site, kMax, 4) + kTraffic +
                                                 faulty_value("idle", kZero, 16) + kTraffic +
                                                 slow);
    add("faulted-and-late-at-rest-" + site, kRunning + faulty_value(site, kMax, 4) + kTraffic +
                                                faulty_value("idle", kZero, 4) + kTraffic +
                                                "advance unit=2 count=2\n" + kTraffic);
  }
  for (unsigned look = 8; look < 11; ++look)
    for (unsigned later = 0; later < 2; ++later)
      add("gone-before-bring-up-again-" + number(look) + "-" + number(later),
          kRunning + kTraffic + faulty_value("idle", kZero, 16) + "stop\nadvance unit=2 count=" +
              number(look) + "\nadvance unit=1 count=" + number(2 * later) +
              "\ngone on=1\nadvance unit=4 count=9\n");
  for (const std::string site : {"tcq_word", "rcq_word"})
    add("faulted-and-stuck-" + site,
        kRunning + kTraffic + "send frames=0 bytes=300\n" +
            "inject frames=0 bytes=300\nadvance unit=1\n" + faulty_value(site, kMax, 4) +
            faulty_value("idle", kZero, 16) + "send frames=0 bytes=300\nreceive\n" + slow);
  for (unsigned before = 0; before < 10; before += 3)
    add("served-while-a-queue-is-busy-" + number(before),
        kRunning + kTraffic + "send frames=0 bytes=300\nadvance unit=1\nadvance unit=2 count=" +
            number(before) + "\n" + faulty_value("tcq_word", kMax, 4) +
            faulty_value("idle", kZero, 16) + "send frames=0 bytes=300\nadvance unit=2 count=7\n");
  add("two-queues-at-once-busy", "configure what=0 number=2\n" + kRunning +
                                     "offload how=0 bytes=60\noffload how=4 bytes=60\n" +
                                     "advance unit=1\n" + faulty_value("tcq_word", kMax, 16) +
                                     "offload how=0 bytes=60\noffload how=4 bytes=60\n" +
                                     faulty_value("idle", kZero, 16) + "advance unit=2 count=3\n");
  add("stuck-from-the-first-second",
      kReady + "refuse_frames on=1\nstart\nadvance unit=4\nsend frames=3 bytes=300\n" +
          "advance unit=6 count=15\nadvance unit=7\n");
  add("speed-lost-as-it-starts",
      kReady + "lose_interrupts on=1\nstart\nadvance unit=0\nfw_config what=0\nrequest what=7\n" +
          "advance unit=1 count=9\nadvance unit=2 count=5\nlose_interrupts on=0\nadvance "
          "unit=7\n");
  add("two-queues-without-pause",
      "configure what=0 number=2\nconfigure what=13 number=0\n"
      "configure what=12 number=4\n" +
          kRunning + kTraffic);
  add("two-queues-that-wait",
      "configure what=0 number=2\nconfigure what=13 number=1\n" + kRunning + kTraffic);
}

std::string offload(unsigned how, unsigned bytes, std::uint64_t flags, unsigned l2 = 14,
                    unsigned outer = 0, unsigned l3 = 20, unsigned l4 = 20, unsigned mss = 500,
                    unsigned sum = 16) {
  const std::uint64_t value = flags | std::uint64_t{l2} << 3 | std::uint64_t{outer} << 11 |
                              std::uint64_t{l3} << 21 | std::uint64_t{l4} << 31 |
                              std::uint64_t{mss} << 38 | std::uint64_t{sum} << 53 | 1ULL << 59 |
                              1ULL << 61;
  return "offload how=" + number(how) + " bytes=" + number(bytes) + " value=" + number(value) +
         "\n";
}

void offload_seeds(SeedMaker& to) {
  const std::string plain = "configure what=12 number=1\n";
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("port", "offload-" + name,
           plain + kRunning + text + "advance unit=4\nsend\n" + "advance unit=4 count=2\n");
  };
  for (const unsigned flags : {1U, 2U, 3U, 4U, 7U})
    add("flags-" + number(flags), offload(0, 2000, flags));
  add("none-on-the-plain-ring", offload(1, 100, 0));
  add("on-the-plain-ring", offload(1, 100, 1));
  add("of-an-empty-packet", offload(2, 100, 1) + offload(2, 100, 2) + offload(2, 100, 0));
  add("odd-lengths", offload(0, 100, 1, 15) + offload(0, 100, 1, 14, 1) +
                         offload(0, 100, 1, 14, 0, 21) + offload(0, 100, 1, 14, 0, 20, 20, 0, 3));
  add("long-lengths", offload(0, 100, 1, 128) + offload(0, 100, 1, 14, 512) +
                          offload(0, 100, 1, 14, 0, 512) +
                          offload(0, 100, 1, 14, 0, 20, 20, 0, 32));
  add("segments", offload(0, 100, 2, 14, 0, 20, 20, 0) + offload(0, 100, 2, 14, 0, 20, 20, 16384) +
                      offload(0, 100, 2, 14, 0, 20, 64) + offload(0, 100, 2, 14, 0, 20, 21));
  add("large", offload(0, 9800, 1) + offload(0, 9800, 2) + offload(0, 20000, 2) +
                   offload(0, 40000, 1) + offload(0, 9800, 0));
  std::string many;
  for (int i = 0; i < 80; ++i) many += offload(1, 100, 0);
  add("plain-ring-full",
      "refuse_frames on=1\n" + many + "refuse_frames on=0\nadvance unit=5\n" + offload(1, 100, 0));
  // Timestamps that the card never reports.
  std::string stamps;
  for (int i = 0; i < 4; ++i) stamps += offload(0, 200, 4) + "send\n";
  for (const unsigned c : {kZero, kMax, 7U})
    add("stamps-that-are-lies-" + number(c),
        faulty_value("tcd_type", c, 3) + stamps + "advance unit=6 " + "count=4\nadvance unit=7\n");
  add("stamp-never-told", "send frames=0 bytes=300\n" + offload(0, 200, 4) + "advance unit=4\n" +
                              faulty_value("tcq_word", 7, 1, 1) + call(1) + "advance unit=7\n");
  for (unsigned after = 0; after < 4; after += 2)
    add("stamp-never-told-" + number(after), "send frames=0 bytes=300\n" + offload(0, 200, 4) +
                                                 offload(0, 200, 4) + "advance unit=4\n" +
                                                 faulty_value("tcq_word", 7, 1, after) + call(1) +
                                                 "advance unit=7\nadvance unit=7\n");
  add("stamps-fetched", stamps + "advance unit=4\nsend\n" + call(1));
  add("plain-ring-faulted", offload(1, 100, 0) + "advance unit=4\n" +
                                faulty_value("tcq_word", kMax, 2) + offload(1, 100, 0) +
                                offload(1, 100, 0));
  add("stamps-on-a-stuck-wire",
      "refuse_frames on=1\n" + stamps + "advance unit=7\nrefuse_frames on=0\n");
}

void vanish_seeds(SeedMaker& to) {
  // Surprise removal in each phase of a port's life cycle.
  const auto sweep = [&](const std::string& name, const std::string& before,
                         const std::string& after, std::initializer_list<unsigned> when) {
    for (const unsigned n : when)
      to.add("port", "vanishes-" + name + "-at-" + number(n),
             before + "vanish accesses=" + number(n) + "\n" + after);
  };
  sweep("in-bring-up", "", "attach\nstart\nadvance unit=6 count=3\n",
        {1, 9, 60, 100, 200, 350, 600});
  sweep("when-started", kReady, "start\nadvance unit=6 count=9\n", {1, 10, 40, 120, 400});
  sweep("in-traffic", kRunning, kTraffic + "inspect what=1\nadvance unit=6 count=3\n",
        {1, 4, 10, 50, 200});
  sweep("when-stopped", kRunning + kTraffic, "stop\nadvance unit=4\n", {1, 15, 30});
  sweep("when-detached", kRunning, "detach\nadvance unit=4\n", {1, 30, 100});
  sweep("in-a-reset", kRunning + "fw_reboot\n", "advance unit=7\n", {1, 100, 300, 800});
}

}  // namespace

void application_seeds(SeedMaker& to) {
  call_seeds(to);
  test_seeds(to);
  link_seeds(to);
  rest_seeds(to);
  offload_seeds(to);
  vanish_seeds(to);
}

}  // namespace hni::fuzz
