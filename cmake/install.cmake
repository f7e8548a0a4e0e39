# SPDX-License-Identifier: Apache-2.0
# Install rules and the package files that make find_package(openhni) work.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
