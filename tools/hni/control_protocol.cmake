# SPDX-License-Identifier: Apache-2.0
# The requests of the control socket, also for the fuzz targets of a build without tools/.
if(TARGET hni_control_protocol)
  return()
endif()
find_package(nlohmann_json REQUIRED)
add_library(hni_control_protocol STATIC ${CMAKE_CURRENT_LIST_DIR}/control_protocol.cpp)
target_include_directories(hni_control_protocol PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(hni_control_protocol PUBLIC nlohmann_json::nlohmann_json PRIVATE hni_warnings)
