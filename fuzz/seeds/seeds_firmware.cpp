// SPDX-License-Identifier: Apache-2.0
// Seeds for the firmware protocol: each request with a correct response, an error, a mismatched
// response, no response, and a response at the wrong time.
#include <array>

#include "fuzz/seeds/seed_maker.hpp"
#include "openhni/spec/firmware.hpp"

namespace hni::fuzz {
namespace {

using spec::FwMessage;
namespace fw = spec::fw;

std::string number(std::uint64_t n) {
  return std::to_string(n);
}
/// An integer of 32 bits.
std::string word(unsigned id, std::uint32_t value) {
  return "attribute id=" + number(id) + " length=8 value=" + number(value) + "\n";
}
/// `bytes` of data, up to 60.
std::string data(unsigned id, unsigned bytes) {
  return "attribute id=" + number(id) + " length=" + number(4 + bytes) + " value=0x00313131\n";
}
std::string message(FwMessage type, const std::string& attributes) {
  return "begin type=" + number(static_cast<unsigned>(type)) + "\n" + attributes +
         "deliver\nadvance\n";
}

struct Request {
  const char* name;
  unsigned what;
  unsigned number;
  FwMessage answer;
  unsigned error;  ///< attribute of the answer
  std::string good;

  /// The request alone, without a response of the scripted firmware.
  [[nodiscard]] std::string ask() const {
    return "swallow answers=0\nrequest what=" + fuzz::number(what) +
           " number=" + fuzz::number(number) + "\nadvance\n";
  }
};

std::vector<Request> requests() {
  namespace Dump = fw::COREDUMP_READ_RESP;
  namespace Info = fw::COREDUMP_GET_INFO_RESP;
  namespace Page = fw::QSFP_READ_RESP;
  return {
      {"sensors", 0, 0, FwMessage::TSENE_READ_RESP, fw::TSENE_READ_RESP::ERROR,
       word(fw::TSENE_READ_RESP::THERM, 45000) + word(fw::TSENE_READ_RESP::VOLT, 800)},
      {"module", 1, 0x1000, FwMessage::QSFP_READ_RESP, Page::ERROR,
       word(Page::BANK, 0) + word(Page::PAGE, 0) + word(Page::OFFSET, 0) + word(Page::LENGTH, 16) +
           data(Page::DATA, 16)},
      {"dump-info", 2, 1, FwMessage::COREDUMP_GET_INFO_RESP, Info::ERROR,
       "attribute id=" + number(Info::AVAILABLE) + " length=4\n" + word(Info::SIZE, 9999)},
      {"dump", 3, 16, FwMessage::COREDUMP_READ_RESP, Dump::ERROR,
       word(Dump::OFFSET, 0) + word(Dump::LENGTH, 16) + data(Dump::DATA, 16)},
      {"flash", 4, 99, FwMessage::FW_START_UPGRADE_RESP, fw::FW_START_UPGRADE_RESP::ERROR, ""},
      {"echo", 5, 0, FwMessage::TEST, 1, ""},
  };
}

const std::string kUp = "own take=1\nadvance unit=1 count=9\n";
const std::string kPoll = "request what=7\n";

void answer_seeds(SeedMaker& to) {
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("mailbox", name, kUp + text + "advance unit=1 count=3\n" + kPoll);
  };
  for (const Request& r : requests()) {
    const std::string name = r.name;
    const std::string good = message(r.answer, r.good);
    add(name + "-answered", r.ask() + good + kPoll + good);
    add(name + "-answered-unasked", good);
    add(name + "-asked-twice", r.ask() + r.ask());
    add(name + "-error", r.ask() + message(r.answer, word(r.error, 0xfffffffb)));
    add(name + "-error-none", r.ask() + message(r.answer, word(r.error, 0) + r.good));
    add(name + "-answer-of-nothing", r.ask() + message(r.answer, ""));
    add(name + "-refused", "faults bits=0 fail=1\n" + r.ask() + "advance unit=0 count=5\n");
    add(name + "-never-answered", r.ask() + "advance unit=3 count=3\n");
    add(name + "-on-a-full-mailbox", "faults bits=2\nsend_full times=31\n" + r.ask());
    to.add("mailbox", name + "-before-bring-up", r.ask() + kUp + "stop\n" + r.ask());
    std::string zero;
    std::string one;
    std::string all;
    for (unsigned id = 0; id < 10; ++id) {
      zero += r.ask() + message(r.answer, r.good + word(id, 0)) + message(r.answer, word(id, 0));
      one += r.ask() + message(r.answer, word(id, 1));
      all += r.ask() + message(r.answer, word(id, 0xffffffff));
    }
    add(name + "-attributes-of-zero", zero);
    add(name + "-attributes-of-one", one);
    add(name + "-attributes-of-all-ones", all);
  }
  for (const unsigned code : {1U, 2U, 5U, 6U, 11U, 12U, 13U, 16U, 19U, 22U, 28U, 95U, 99U, 110U}) {
    const std::uint32_t negative = 0U - code;
    const Request sensors = requests().front();
    add("errno-" + number(code),
        sensors.ask() + message(sensors.answer, word(sensors.error, negative)) + kPoll +
            sensors.ask() + message(sensors.answer, word(sensors.error, code)) + kPoll);
  }
  for (const unsigned length : {0U, 128U, 129U, 255U})
    for (const unsigned offset : {0U, 128U, 255U})
      add("module-" + number(length) + "-bytes-at-" + number(offset),
          "request what=1 number=" + number(length << 8 | offset) + "\nadvance\n");
  add("dump-of-nothing", "request what=3 number=0\nadvance\n");
}

void flash_seeds(SeedMaker& to) {
  namespace Chunk = fw::FW_WRITE_CHUNK_REQ;
  const Request flash = requests()[4];
  const std::string started = kUp + flash.ask() + message(flash.answer, "");
  const auto chunk = [](std::uint32_t offset, std::uint32_t length) {
    return message(FwMessage::FW_WRITE_CHUNK_REQ,
                   word(Chunk::OFFSET, offset) + word(Chunk::LENGTH, length));
  };
  const std::string end = message(FwMessage::FW_FINISH_UPGRADE_REQ, "");
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("mailbox", "flash-" + name, text + "advance unit=1 count=3\n" + kPoll);
  };
  add("whole", started + chunk(0, 60) + chunk(60, 40) + end);
  add("ended-early", started + chunk(0, 60) + end);
  add("ended-with-an-error", started + chunk(0, 100) +
                                 message(FwMessage::FW_FINISH_UPGRADE_REQ,
                                         word(fw::FW_FINISH_UPGRADE_REQ::ERROR, 0xfffffffb)));
  add("started-twice", started + message(flash.answer, ""));
  add("piece-of-nothing", started + chunk(0, 0));
  add("piece-behind-the-image", started + chunk(0, 101));
  add("piece-out-of-order", started + chunk(60, 40));
  add("piece-unasked", kUp + chunk(0, 60));
  add("piece-before-the-start", kUp + flash.ask() + chunk(0, 60));
  add("end-unasked", kUp + end);
  add("silent-in-the-middle", started + chunk(0, 60) + "advance unit=3 count=3\n");
  add("piece-refused", started + "faults bits=0 fail=1\n" + chunk(0, 60));
  add("piece-on-a-full-mailbox", started + "faults bits=2\nsend_full times=31\n" + chunk(0, 60) +
                                     "advance unit=1 count=2\nfaults bits=0\n" +
                                     "advance unit=1 count=9\n" + chunk(60, 40) + end);
}

/// Responses that match their request but not its state, and out-of-order calls.
void turn_seeds(SeedMaker& to) {
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("mailbox", name, text + "advance unit=1 count=5\n");
  };
  std::string all;
  for (unsigned what = 0; what < 8; ++what) all += "misuse what=" + number(what) + " number=9\n";
  add("out-of-turn-in-bring-up", all);
  add("out-of-turn-when-up", kUp + all);
  add("out-of-turn-when-stopping", kUp + "faults bits=2\nrequest what=5\nstop\n" + all);
  add("out-of-turn-when-down", kUp + "stop\nadvance unit=1 count=9\n" + all);
  add("recovered-before-it-was-taken",
      "advance unit=1 count=9\ngone on=1\nadvance unit=1 count=9\nmisuse what=0\n");
  add("out-of-turn-when-gone", kUp + "gone on=1\nadvance unit=1 count=9\n" + all);
  for (unsigned n = 0; n < 4; ++n)
    add("bare-mailbox-" + number(n), "misuse what=7 number=" + number(n) + "\n");
  add("without-logs", "misuse what=2 number=0\n" + kUp + "stop\n");
  add("logs-kept-nowhere",
      kUp + "misuse what=6 number=1\nrequest what=6 number=3\nadvance\n" +
          message(FwMessage::LOG_MSG_REQ, word(fw::LOG_MSG_REQ::MSEC, 7) +
                                              word(fw::LOG_MSG_REQ::INDEX, 1) +
                                              data(fw::LOG_MSG_REQ::MSG, 8)));
  add("logs-off-then-stopped", kUp + "request what=6 number=0\nadvance\nstop\n");
  add("logs-on-a-full-mailbox",
      kUp + "faults bits=2\nsend_full times=31\nrequest what=6 number=1\n");
  for (const unsigned seconds : {8U, 10U, 12U})
    add("owned-again-after-" + number(seconds) + "-seconds",
        kUp + "swallow answers=7\nadvance unit=2 count=" + number(seconds) + "\n" +
            message(FwMessage::OWNERSHIP_RESP, ""));
  namespace Caps = fw::FW_CAP_RESP;
  const std::string asked = kUp + "swallow answers=7\nsend_full times=0\nadvance\n";
  const std::string version = word(Caps::VERSION, 0x19070000);
  add("capabilities-of-nothing", asked + message(FwMessage::FW_CAP_RESP, ""));
  add("capabilities-of-no-speed",
      asked + message(FwMessage::FW_CAP_RESP, version + word(Caps::FW_LINK_SPEED, 9)));
  for (const std::uint32_t old : {0x000b0000U, 0x000d0000U}) {
    const std::string answer =
        message(FwMessage::FW_CAP_RESP, word(Caps::VERSION, old) + word(Caps::FW_LINK_SPEED, 4));
    const std::string name = old == 0x000b0000U ? "without-logs" : "without-log-history";
    add("firmware-" + name, "swallow answers=1\nadvance unit=1 count=3\n" + answer +
                                "request what=6 number=3\nadvance\n");
    add("firmware-from-now-on-" + name, asked + answer + "request what=6 number=3\nadvance\n");
  }
  // A BMC with an all-multicast attribute that is neither 0 nor 1.
  for (const std::uint32_t all_groups : {0U, 1U, 2U})
    add("controller-with-all-groups-" + number(all_groups),
        asked + message(FwMessage::FW_CAP_RESP, version + word(Caps::FW_LINK_SPEED, 4) +
                                                    word(Caps::BMC_ALL_MULTI, all_groups) +
                                                    "attribute id=" + number(Caps::BMC_PRESENT) +
                                                    " length=4\nattribute id=" +
                                                    number(Caps::BMC_MAC_ARRAY) + " length=4\n"));

  add("capabilities-with-an-empty-array",
      asked + message(FwMessage::FW_CAP_RESP,
                      version + word(Caps::FW_LINK_SPEED, 4) +
                          "attribute id=" + number(Caps::BMC_PRESENT) +
                          " length=4\nattribute id=" + number(Caps::BMC_MAC_ARRAY) +
                          " length=12 value=0x1\n"));
  namespace Page = fw::QSFP_READ_RESP;
  const Request module = requests()[1];
  add("module-answered-with-less",
      module.ask() + message(module.answer, word(Page::BANK, 0) + word(Page::PAGE, 0) +
                                                word(Page::OFFSET, 0) + word(Page::LENGTH, 16) +
                                                data(Page::DATA, 8)));
  add("module-up-and-answered-with-less",
      kUp + module.ask() +
          message(module.answer, word(Page::BANK, 0) + word(Page::PAGE, 0) +
                                     word(Page::OFFSET, 0) + word(Page::LENGTH, 16) +
                                     data(Page::DATA, 8)));
  namespace Info = fw::COREDUMP_GET_INFO_RESP;
  const Request info = requests()[2];
  add("dump-of-zero-bytes", kUp + info.ask() +
                                message(info.answer, "attribute id=" + number(Info::AVAILABLE) +
                                                         " length=4\n" + word(Info::SIZE, 0)));
  add("dump-info-without-a-new-dump", kUp + "request what=2 number=0\nadvance\n" + kPoll);
  add("dump-goes-on-on-a-full-mailbox",
      kUp + "request what=3 number=8192\nsend_full times=31\n" +
          "fault site=mailbox_low class_count=1 value=0x0\nadvance\n" + kPoll);
  namespace Log = fw::LOG_MSG_REQ;
  add("log-that-counts-too-much",
      kUp + "request what=6 number=3\nadvance\n" +
          message(FwMessage::LOG_MSG_REQ, word(Log::MSEC, 7) + word(Log::INDEX, 1) +
                                              data(Log::MSG, 8) + word(Log::LENGTH, 3)));
  namespace Chunk = fw::FW_WRITE_CHUNK_REQ;
  const Request flash = requests()[4];
  const auto type = static_cast<std::uint8_t>(FwMessage::FW_WRITE_CHUNK_REQ);
  to.add_bytes(
      "tlv", "flash-piece",
      {type, 0x80, 5, 0, Chunk::OFFSET, 0, 8, 0, 0, 0, 0, 0, Chunk::LENGTH, 0, 8, 0, 60, 0, 0, 0});
  add("flash-ended-before-the-piece-is-sent",
      kUp + flash.ask() + message(flash.answer, "") + "faults bits=2\nsend_full times=31\n" +
          message(FwMessage::FW_WRITE_CHUNK_REQ,
                  word(Chunk::OFFSET, 0) + word(Chunk::LENGTH, 60)) +
          message(FwMessage::FW_FINISH_UPGRADE_REQ, ""));
  for (const unsigned c : {2U, 8U})
    add("all-slots-at-once-" + number(c), kUp + "fault site=mailbox_low class_count=" +
                                              number(c + 256 * 15) + " value=0x6\nadvance\n");
  add("gone-as-it-stops-with-messages",
      kUp + "request what=5\nsend_full times=3\ngone on=1\nstop\n");
  for (unsigned n = 1; n < 40; n += 9)
    add("vanishes-at-" + number(n),
        kUp + "request what=5\nvanish accesses=" + number(n) + "\nadvance unit=1 count=3\nstop\n");
}

void life_seeds(SeedMaker& to) {
  const auto add = [&](const std::string& name, const std::string& text) {
    to.add("mailbox", name, text + "advance unit=1 count=5\n");
  };
  add("stopped-while-taking",
      "advance unit=1 count=9\nswallow answers=3\nown take=1\nstop\nstop\n");
  add("stopped-while-releasing", kUp + "swallow answers=3\nown take=0\nstop\n");
  add("stopped-while-releasing-refused",
      kUp + "faults bits=0 fail=9\nown take=0\nadvance\nstop\n");
  add("stopped-as-owner", kUp + "stop\n");
  add("stopped-with-logs", kUp + "request what=6 number=3\nadvance\nstop\n");
  add("taken-twice", kUp + "own take=1\nown take=0\nown take=0\nown take=1\n");
  add("taken-when-down", "stop\nadvance unit=1 count=9\nown take=1\nrecover\nown take=1\n");
  add("recovered-without-need", kUp + "recover\n");
  add("ownership-refused", "advance unit=1 count=9\nfaults bits=0 fail=3\nown take=1\n");
  add("heartbeat-refused", kUp + "faults bits=0 fail=3\nadvance unit=2 count=12\n");
  add("heartbeats-lost", kUp + "swallow answers=7\nadvance unit=3 count=9\n");
  add("dead-as-owner", kUp + "faults bits=1\nadvance unit=3 count=9\nown take=0\nown take=1\n");
  add("error-on-receive", kUp + "faults bits=4\nadvance unit=1 count=9\n");
  add("frozen-then-stopped", kUp +
                                 "faults bits=2\nsend_full times=31\nstop\n"
                                 "advance unit=3 count=3\n");
  add("reboot-while-stopping", kUp + "faults bits=2\nstop\nreboot\nadvance unit=1 count=9\n");
  add("gone-while-stopping", kUp + "stop\ngone on=1\nadvance unit=1 count=9\ngone on=0\n");
  add("uptime-back", kUp + "uptime value=0x1\nadvance unit=3 count=3\n");
  for (const FwMessage type :
       {FwMessage::OWNERSHIP_RESP, FwMessage::HEARTBEAT_RESP, FwMessage::LOG_MSG_REQ,
        FwMessage::FW_CAP_RESP, FwMessage::SENSOR_THRESHOLD_EXCEEDED_RESP,
        FwMessage::COMPHY_SET_MODE_RESP, FwMessage::EEPROM_READ_RESP}) {
    const std::string name = "message-" + number(static_cast<unsigned>(type));
    std::string each;
    for (unsigned id = 0; id < 16; ++id)
      each += message(type, word(id, 1)) + message(type, word(id, 0xffffffff));
    add(name + "-of-nothing", kUp + message(type, ""));
    add(name + "-of-each-attribute", kUp + "request what=6 number=3\nadvance\n" + each);
    add(name + "-while-down", "stop\nadvance unit=1 count=5\n" + message(type, word(0, 1)));
  }
  namespace Log = fw::LOG_MSG_REQ;
  const std::string record = message(FwMessage::LOG_MSG_REQ,
                                     word(Log::MSEC, 7) + word(Log::INDEX, 1) + data(Log::MSG, 8));
  add("log-records", kUp + "request what=6 number=3\nadvance\n" + record + record + record +
                         record + record + record);
  add("log-record-unasked", kUp + record);
  add("log-twice", kUp + "request what=6 number=1\nrequest what=6 number=0\n" + record);
}

}  // namespace

void firmware_seeds(SeedMaker& to) {
  answer_seeds(to);
  flash_seeds(to);
  life_seeds(to);
  turn_seeds(to);
}

}  // namespace hni::fuzz
