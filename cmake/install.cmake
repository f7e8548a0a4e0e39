# SPDX-License-Identifier: Apache-2.0
# Install rules, and the package files that make find_package(openhni) and pkg-config work:
#   openhni::spec     registers, descriptors, enumerations and messages, header-only
#   openhni::driver   the driver core, header-only
#   openhni::device   the emulated card and its wires, static
#   openhni::vfio     the driver's back ends for a vfio-user socket and for /dev/vfio, static
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# A common folder for all headers, so that "driver/port.hpp", "device/card.hpp" and "openhni/spec/registers.hpp" are
# found with a single include path.
set(HNI_INCLUDE ${CMAKE_INSTALL_INCLUDEDIR}/openhni)
set(HNI_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/openhni)

set_target_properties(hni_driver PROPERTIES EXPORT_NAME driver)
set_target_properties(hni_device PROPERTIES EXPORT_NAME device)
set_target_properties(hni_vfio_client PROPERTIES EXPORT_NAME vfio)
set_target_properties(hni_vfio_user_protocol PROPERTIES EXPORT_NAME vfio_user_protocol)
set_target_properties(openhni_spec PROPERTIES EXPORT_NAME spec)
set_target_properties(openhni_spec_tables PROPERTIES EXPORT_NAME spec_tables)
set_target_properties(hni_warnings PROPERTIES EXPORT_NAME warnings)
set(HNI_PUBLIC_TARGETS
  hni_driver hni_device hni_vfio_client hni_vfio_user_protocol openhni_spec openhni_spec_tables hni_warnings)
foreach(target hni_driver hni_device hni_vfio_client hni_vfio_user_protocol openhni_spec)
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${HNI_INCLUDE}>)
endforeach()
# Exports the language level of the headers, so that users need not set it.
target_compile_features(openhni_spec INTERFACE cxx_std_20)

install(TARGETS ${HNI_PUBLIC_TARGETS} EXPORT openhni COMPONENT dev
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(EXPORT openhni NAMESPACE openhni:: FILE openhni-targets.cmake DESTINATION ${HNI_PACKAGE} COMPONENT dev)
foreach(folder driver device)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${HNI_INCLUDE} COMPONENT dev
          FILES_MATCHING PATTERN "*.hpp" PATTERN "*.def")
endforeach()
# Only the protocol headers that the client uses; the server is a part of `hni device`.
install(FILES ${PROJECT_SOURCE_DIR}/vfio_user/connection.hpp ${PROJECT_SOURCE_DIR}/vfio_user/owned_fd.hpp
              ${PROJECT_SOURCE_DIR}/vfio_user/protocol.hpp ${PROJECT_SOURCE_DIR}/vfio_user/socket_calls.hpp
        DESTINATION ${HNI_INCLUDE}/vfio_user COMPONENT dev)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/spec/runtime/openhni ${PROJECT_BINARY_DIR}/generated/openhni
        DESTINATION ${HNI_INCLUDE} COMPONENT dev FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h")

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/openhni-config.cmake.in
  ${PROJECT_BINARY_DIR}/openhni-config.cmake INSTALL_DESTINATION ${HNI_PACKAGE})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/openhni-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/openhni-config.cmake
              ${PROJECT_BINARY_DIR}/openhni-config-version.cmake
        DESTINATION ${HNI_PACKAGE} COMPONENT dev)

# hni_pkg_config(name description requires libraries): relocatable, like the CMake package.
function(hni_pkg_config name description requires libs)
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  file(WRITE ${PROJECT_BINARY_DIR}/pkgconfig/openhni-${name}.pc
"prefix=\${pcfiledir}/${up}
includedir=\${prefix}/${HNI_INCLUDE}
libdir=\${prefix}/${CMAKE_INSTALL_LIBDIR}

Name: openhni-${name}
Description: ${description}
Version: ${PROJECT_VERSION}
Requires: ${requires}
Cflags: -I\${includedir}
Libs: -L\${libdir} ${libs}
")
  install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/openhni-${name}.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endfunction()
hni_pkg_config(spec "Registers, descriptors and firmware messages of fbnic (C++20 headers)" "" "")
hni_pkg_config(driver "A driver for fbnic as a header-only state machine (C++20)" "openhni-spec" "")
hni_pkg_config(device "An emulated fbnic card" "openhni-spec" "-lhni_device -lopenhni_spec_tables -lpcap")
hni_pkg_config(vfio "Back ends of the driver: vfio-user sockets and /dev/vfio" "openhni-driver"
               "-lhni_vfio_client -lhni_vfio_user_protocol")

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libopenhni-dev RENAME copyright
        COMPONENT dev)

if(TARGET hni)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/openhni RENAME copyright
          COMPONENT tools)
  install(TARGETS hni RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
  get_property(programs GLOBAL PROPERTY HNI_OBJECT_PROGRAMS)
  # OPTIONAL: a build without some of the commands can still be installed.
  install(TARGETS ${programs} RUNTIME DESTINATION libexec/openhni COMPONENT tools OPTIONAL)
  # Sources from which `hni linux` builds its kernel.
  install(DIRECTORY tools/linux DESTINATION libexec/openhni USE_SOURCE_PERMISSIONS COMPONENT tools)
  if(TARGET hni_trace)
    # The installed command looks for them in ../share/openhni/trace.
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/openhni/trace DESTINATION ${CMAKE_INSTALL_DATADIR}/openhni
            COMPONENT tools)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/man/ DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT tools)
    install(DIRECTORY ${PROJECT_BINARY_DIR}/share/bash-completion ${PROJECT_BINARY_DIR}/share/zsh
            DESTINATION ${CMAKE_INSTALL_DATADIR} COMPONENT tools OPTIONAL)
  endif()
endif()
