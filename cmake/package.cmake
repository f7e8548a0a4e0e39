# SPDX-License-Identifier: Apache-2.0
# `cpack -G DEB` in the build folder makes two Debian packages: openhni (the commands) and libopenhni-dev (headers,
# archives, package files). tests/install/package tries them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME openhni)
set(CPACK_PACKAGE_VENDOR openhni)
set(CPACK_PACKAGE_CONTACT "The openhni authors <openhni@localhost>" CACHE STRING "Maintainer named in packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL tools dev)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME openhni)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
# The libraries that the programs link are found by dpkg-shlibdeps.
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "iproute2, python3")
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS "bpftrace, iputils-ping, iperf3, cvc5")
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
    "The hni command: two cards, a cable and two drivers with real traffic; cards for virtual
machines behind vfio-user sockets; the register spec; proofs; fuzz scripts; tracing.")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libopenhni-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libexpected-dev, libpcap-dev")
set(CPACK_COMPONENT_DEV_DESCRIPTION
    "Headers and archives of the driver, the emulated card, the register spec, and the vfio-user
client, with files for CMake and pkg-config.")
include(CPack)
