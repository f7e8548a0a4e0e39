// SPDX-License-Identifier: Apache-2.0
// Seeds for the conversation with the firmware: each request answered well, with an error, with
// what does not fit, not at all, and at the wrong time.
#include <array>

#include "fuzz/seed_maker.hpp"
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

  /// Asked, and the scripted firmware keeps silent.
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
}

}  // namespace hni::fuzz
