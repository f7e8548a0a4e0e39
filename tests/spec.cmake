# SPDX-License-Identifier: Apache-2.0
# The spec compiler and what it generates.
hni_test(spec_csv_test SOURCES spec_csv_test.cpp LIBS hni_speclib)
target_compile_definitions(spec_csv_test PRIVATE HNI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
