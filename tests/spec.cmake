# SPDX-License-Identifier: Apache-2.0
# The spec compiler and what it generates.
find_package(nlohmann_json REQUIRED)
foreach(stem csv diagnostics output)
  hni_test(spec_${stem}_test SOURCES spec_${stem}_test.cpp
           LIBS hni_speclib nlohmann_json::nlohmann_json)
  target_compile_definitions(spec_${stem}_test PRIVATE HNI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endforeach()
hni_test(spec_words_test SOURCES spec_words_test.cpp LIBS openhni::spec_tables)

# The C header: compiled as C, and every constant compared with its C++ twin by static_assert.
set(check ${CMAKE_CURRENT_BINARY_DIR}/spec_c_header_check.cpp)
add_custom_command(OUTPUT ${check} COMMAND hni-spec c-header-check -o ${check} DEPENDS hni-spec)
add_library(spec_c_header_check OBJECT ${check})
target_link_libraries(spec_c_header_check PRIVATE hni_warnings openhni::spec)
add_library(spec_c_header OBJECT spec/c_header.c)
target_link_libraries(spec_c_header PRIVATE openhni::spec)
target_compile_options(spec_c_header PRIVATE -std=c11 -Wall -Wextra -Wpedantic -Wconversion)

find_program(HNI_CHROMIUM NAMES chromium chromium-browser google-chrome)
if(HNI_CHROMIUM)
  add_test(NAME spec_html_in_browser COMMAND ${CMAKE_COMMAND}
           -DHNI_SPEC=$<TARGET_FILE:hni-spec> -DCHROMIUM=${HNI_CHROMIUM}
           -DWORK=${CMAKE_CURRENT_BINARY_DIR}/html -P ${CMAKE_CURRENT_SOURCE_DIR}/spec/html_check.cmake)
endif()
