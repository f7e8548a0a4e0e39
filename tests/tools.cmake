# SPDX-License-Identifier: Apache-2.0
# The hni command: its parts, its command line, and real traffic through network namespaces.
if(TARGET hni_tools)
  find_package(CLI11 REQUIRED)
  find_package(fmt REQUIRED)
  find_package(nlohmann_json REQUIRED)
  hni_test(tools_test
    SOURCES tools_vnet_test.cpp tools_lab_test.cpp tools_words_test.cpp tools_control_test.cpp
    LIBS hni_tools)

  add_test(NAME tools_cli
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tools_cli_test.sh $<TARGET_FILE:hni>
            $<TARGET_FILE:forwarder> $<TARGET_FILE:packet_generator>)
  set_tests_properties(tools_cli PROPERTIES TIMEOUT 300)

  add_executable(tools_traffic tools_traffic.cpp)
  target_link_libraries(tools_traffic PRIVATE hni_warnings fmt::fmt)
  foreach(scenario ping tcp udp mtu9000 frames offload small_rings pcap stop errors unprivileged
                   control follow)
    add_test(NAME tools_run_${scenario}
      COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/tools_run_test.sh $<TARGET_FILE:hni>
              $<TARGET_FILE:tools_traffic> ${scenario})
    # They need the processor for themselves; 77: no root, no namespaces.
    set_tests_properties(tools_run_${scenario} PROPERTIES
      TIMEOUT 300 SKIP_RETURN_CODE 77 RUN_SERIAL TRUE)
  endforeach()
endif()

add_test(NAME install
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install_test.sh ${CMAKE_COMMAND} ${PROJECT_BINARY_DIR}
          ${CMAKE_CXX_COMPILER} "${CMAKE_CXX_FLAGS}" "${HNI_SANITIZE}")
set_tests_properties(install PROPERTIES TIMEOUT 300)
