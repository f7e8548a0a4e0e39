# SPDX-License-Identifier: Apache-2.0
# Firmware, link, clock, counters, parser, classifier and wires of the emulated card.
foreach(stem device_firmware device_firmware_messages device_fw_tlv device_link device_ptp_clock device_statistics device_parser
             device_toeplitz device_classifier wire_cable wire_joiner wire_tap wire_pcap)
  hni_test(${stem}_test SOURCES ${stem}_test.cpp LIBS openhni::device)
  target_include_directories(${stem}_test PRIVATE ${PROJECT_SOURCE_DIR})
endforeach()
