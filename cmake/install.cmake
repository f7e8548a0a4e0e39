# SPDX-License-Identifier: Apache-2.0
# Install rules and the package files that make find_package(openhni) work:
#   openhni::driver   the driver core, header-only
#   openhni::device   the emulated card, static
#   openhni::spec     registers, descriptors, enumerations and messages, header-only
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# One folder for all headers, so that "driver/port.hpp", "device/card.hpp" and
# "openhni/spec/registers.hpp" are found with a single include path.
set(HNI_INCLUDE ${CMAKE_INSTALL_INCLUDEDIR}/openhni)
set(HNI_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/openhni)

set_target_properties(hni_driver PROPERTIES EXPORT_NAME driver)
set_target_properties(hni_device PROPERTIES EXPORT_NAME device)
set_target_properties(openhni_spec PROPERTIES EXPORT_NAME spec)
set_target_properties(openhni_spec_tables PROPERTIES EXPORT_NAME spec_tables)
set_target_properties(hni_warnings PROPERTIES EXPORT_NAME warnings)
set(HNI_PUBLIC_TARGETS hni_driver hni_device openhni_spec openhni_spec_tables hni_warnings)
foreach(target hni_driver hni_device openhni_spec)
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${HNI_INCLUDE}>)
endforeach()
# Users need no flag of ours to get the language level that the headers are written in.
target_compile_features(openhni_spec INTERFACE cxx_std_20)

install(TARGETS ${HNI_PUBLIC_TARGETS} EXPORT openhni
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT openhni NAMESPACE openhni:: FILE openhni-targets.cmake DESTINATION ${HNI_PACKAGE})
foreach(folder driver device)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${HNI_INCLUDE}
          FILES_MATCHING PATTERN "*.hpp")
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/spec/runtime/openhni ${PROJECT_BINARY_DIR}/generated/openhni
        DESTINATION ${HNI_INCLUDE} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/openhni-config.cmake.in
  ${PROJECT_BINARY_DIR}/openhni-config.cmake INSTALL_DESTINATION ${HNI_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/openhni-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/openhni-config.cmake
              ${PROJECT_BINARY_DIR}/openhni-config-version.cmake
        DESTINATION ${HNI_PACKAGE})

if(TARGET hni)
  install(TARGETS hni RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  get_property(programs GLOBAL PROPERTY HNI_OBJECT_PROGRAMS)
  install(TARGETS ${programs} RUNTIME DESTINATION libexec/openhni)
  if(TARGET hni_trace)
    # Where the installed command looks for them: ../share/openhni/trace.
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/openhni/trace DESTINATION ${CMAKE_INSTALL_DATADIR}/openhni)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/man/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  endif()
endif()
