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

# The same test over the spec and over a variant with two moved bits; the card is built again for it.
hni_test(spec_variant_base_test SOURCES spec_variant_test.cpp
         LIBS hni_speclib openhni::device openhni::driver)
target_compile_definitions(spec_variant_base_test PRIVATE HNI_ENABLE_BIT=1 HNI_COMPLETION_BIT=37
                           HNI_SPEC_SOURCE="${PROJECT_SOURCE_DIR}/spec/fbnic.rdl")

set(variant ${CMAKE_CURRENT_BINARY_DIR}/spec_variant)
file(GLOB_RECURSE rdl_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/spec/*.rdl)
add_custom_command(
  OUTPUT ${variant}/rdl/fbnic.rdl
  COMMAND ${CMAKE_COMMAND} -DFROM=${PROJECT_SOURCE_DIR}/spec -DTO=${variant}/rdl
          "-DEDITS=queue_tx.rdl|ENABLE[1:1]|ENABLE[4:4];descriptors.rdl|REQ_COMPLETION[37:37]|REQ_COMPLETION[40:40]"
          -P ${CMAKE_CURRENT_SOURCE_DIR}/spec/make_variant.cmake
  DEPENDS ${rdl_files} spec/make_variant.cmake
  VERBATIM)
hni_compile_spec(spec_variant ${variant}/rdl/fbnic.rdl ${variant}/generated)
get_target_property(device_sources hni_device SOURCES)
add_library(spec_variant_device STATIC ${device_sources})
target_include_directories(spec_variant_device PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(spec_variant_device PUBLIC spec_variant PRIVATE spec_variant_tables hni_warnings pcap)
hni_test(spec_variant_test SOURCES spec_variant_test.cpp LIBS hni_speclib spec_variant_device)
target_compile_definitions(spec_variant_test PRIVATE HNI_ENABLE_BIT=4 HNI_COMPLETION_BIT=40
                           HNI_SPEC_SOURCE="${variant}/rdl/fbnic.rdl")
