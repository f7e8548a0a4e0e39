# SPDX-License-Identifier: Apache-2.0
# The driver's control paths, each against a fake device.
foreach(stem setup interrupts link rx_filter flow_rules statistics clock self_test register_dump)
  hni_test(${stem}_test SOURCES ${stem}_test.cpp LIBS openhni::driver)
endforeach()
# All of them against the emulated card.
hni_test(control_card_test SOURCES control_card_test.cpp LIBS openhni::driver openhni::device)
