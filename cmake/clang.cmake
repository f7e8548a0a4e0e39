# SPDX-License-Identifier: Apache-2.0
# Toolchain file of the presets that need clang: searches for one. HNI_CLANG_VERSION is the preferred version; CC and
# CXX select another compiler. tools/find-clang defines the rules.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES HNI_CLANG_VERSION)
foreach(language IN ITEMS C CXX)
  if(NOT CMAKE_${language}_COMPILER)
    set(program clang)
    if(language STREQUAL "CXX")
      set(program clang++)
    endif()
    execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/../tools/find-clang ${program} ${HNI_CLANG_VERSION}
      OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE status ERROR_VARIABLE why)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "${why}")
    endif()
    set(CMAKE_${language}_COMPILER ${found})
  endif()
endforeach()
