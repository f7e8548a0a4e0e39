# SPDX-License-Identifier: Apache-2.0
# The card: registers, interrupts, queues, offloads. The firmware's side is in firmware.cmake.
foreach(stem dma_memory registers interrupts moderation tx segmentation rx rx_buffer pair hostile mailbox_watch allocation)
  hni_test(device_${stem}_test SOURCES device_${stem}_test.cpp LIBS openhni::device)
  target_include_directories(device_${stem}_test PRIVATE ${PROJECT_SOURCE_DIR})
endforeach()
