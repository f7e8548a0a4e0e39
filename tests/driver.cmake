# SPDX-License-Identifier: Apache-2.0
# The driver on the emulated card.
hni_test(port_test SOURCES port_test.cpp port_recovery_test.cpp LIBS openhni::driver openhni::device)
