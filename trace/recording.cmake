# SPDX-License-Identifier: Apache-2.0
# Reads, draws and converts recordings of live drivers. Built without the probes, too, for the fuzz targets.
if(TARGET hni_recording)
  return()
endif()
find_package(fmt REQUIRED)
add_library(hni_recording STATIC
  ${CMAKE_CURRENT_LIST_DIR}/recording.cpp ${CMAKE_CURRENT_LIST_DIR}/recording_perfetto.cpp
  ${CMAKE_CURRENT_LIST_DIR}/recording_plot.cpp ${CMAKE_CURRENT_LIST_DIR}/words.cpp)
target_include_directories(hni_recording PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(hni_recording PUBLIC openhni::driver PRIVATE hni_warnings fmt::fmt)
