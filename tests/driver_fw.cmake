# SPDX-License-Identifier: Apache-2.0
# The driver's firmware conversation, against a scripted firmware and against the emulated one.
hni_test(driver_fw_test
  SOURCES tlv_test.cpp mailbox_test.cpp firmware_client_test.cpp firmware_requests_test.cpp
          firmware_transfers_test.cpp pldm_test.cpp
  LIBS openhni::driver)
hni_test(firmware_integration_test SOURCES firmware_integration_test.cpp
  LIBS openhni::driver openhni::device)
