# SPDX-License-Identifier: Apache-2.0
# The card: registers, interrupts, queues, offloads. The firmware's side is in firmware.cmake.
