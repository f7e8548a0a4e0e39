# SPDX-License-Identifier: Apache-2.0
# The spec compiler and what it generates.
foreach(stem csv diagnostics)
  hni_test(spec_${stem}_test SOURCES spec_${stem}_test.cpp LIBS hni_speclib)
  target_compile_definitions(spec_${stem}_test PRIVATE HNI_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endforeach()
