# SPDX-License-Identifier: Apache-2.0
# The card behind a socket, and the cable between processes.
find_package(nlohmann_json REQUIRED)
foreach(stem config session hostile dma)
  hni_test(vfio_user_${stem}_test SOURCES vfio_user_${stem}_test.cpp
           LIBS openhni::vfio_user nlohmann_json::nlohmann_json)
  target_include_directories(vfio_user_${stem}_test PRIVATE ${PROJECT_SOURCE_DIR})
endforeach()
hni_test(foreign_firmware_test SOURCES foreign_firmware_test.cpp LIBS openhni::vfio_user)
target_include_directories(foreign_firmware_test PRIVATE ${PROJECT_SOURCE_DIR})
hni_test(wire_socket_cable_test SOURCES wire_socket_cable_test.cpp LIBS openhni::device)
target_include_directories(wire_socket_cable_test PRIVATE ${PROJECT_SOURCE_DIR})
hni_test(vfio_user_client_test SOURCES vfio_user_client_test.cpp LIBS openhni::vfio_client)
target_include_directories(vfio_user_client_test PRIVATE ${PROJECT_SOURCE_DIR})
if(TARGET hni)
  add_test(NAME linux_compare
    COMMAND python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/linux_compare_test.py)
  add_test(NAME vfio_user_cli
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/vfio_user_cli_test.sh $<TARGET_FILE:hni>)
  set_tests_properties(vfio_user_cli PROPERTIES TIMEOUT 300)
endif()
