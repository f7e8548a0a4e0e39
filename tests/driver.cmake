# SPDX-License-Identifier: Apache-2.0
# The driver on the emulated card.
hni_test(port_test SOURCES port_test.cpp port_traffic_test.cpp port_recovery_test.cpp LIBS openhni::driver openhni::device)
hni_test(remote_memory_test SOURCES remote_memory_test.cpp LIBS openhni::driver openhni::device)
# The sweep replaces the allocator, so it is a program of its own.
hni_test(port_sweep_test SOURCES port_sweep_test.cpp LIBS openhni::driver openhni::device)
