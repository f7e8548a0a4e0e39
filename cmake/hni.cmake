# SPDX-License-Identifier: Apache-2.0
# Settings shared by all targets: language level, warnings, sanitizers, ccache, a fast linker.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

find_program(HNI_CCACHE ccache)
if(HNI_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache caches objects that use a precompiled header only with this sloppiness.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${HNI_CCACHE})
endif()
set(HNI_FMT_TARGET fmt::fmt CACHE STRING "fmt::fmt, or fmt::fmt-header-only where no library may be linked")
option(HNI_PCH "Precompile what nearly every test includes" ON)
option(HNI_UNITY "Compile sources of a target together: half the time for a whole build" ON)
find_program(HNI_MOLD mold)
if(HNI_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_link_options(-fuse-ld=mold)
endif()

add_library(hni_warnings INTERFACE)
target_compile_options(hni_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  $<$<BOOL:${HNI_WERROR}>:-Werror>)

if(HNI_SANITIZE)
  add_compile_options(-fsanitize=${HNI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HNI_SANITIZE})
endif()

# Installed programs are exposed to guests and are therefore hardened. Sanitizer builds are excluded, since their
# checks conflict. tests/install/hardening_test.sh verifies the flags on the finished program.
if(NOT HNI_SANITIZE)
  set(hardened $<CONFIG:Release,RelWithDebInfo,MinSizeRel>)
  add_compile_options($<${hardened}:-fstack-protector-strong> $<${hardened}:-U_FORTIFY_SOURCE>
                      $<${hardened}:-D_FORTIFY_SOURCE=2> $<${hardened}:-D_GLIBCXX_ASSERTIONS>)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
    add_compile_options($<${hardened}:-fcf-protection=full>)
  endif()
  add_link_options($<${hardened}:-Wl,-z,relro> $<${hardened}:-Wl,-z,now>)
endif()

# hni_unity(target [batch]): compiles `batch` sources as one translation unit. Names with internal linkage must
# therefore be unique within a target.
function(hni_unity target)
  set(batch ${ARGN})
  if(NOT batch)
    set(batch 8)
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${HNI_UNITY} UNITY_BUILD_BATCH_SIZE ${batch})
endfunction()

# hni_object_program(target): a program that the hni command executes for one of its objects, as git does. Build and
# installation use the same location relative to the command: ../libexec/openhni.
function(hni_object_program target)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/libexec/openhni)
  set_property(GLOBAL APPEND PROPERTY HNI_OBJECT_PROGRAMS ${target})
endfunction()

# hni_test(name sources... LIBS libs...): one GoogleTest program, whose test cases are registered with ctest by name.
function(hni_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  hni_unity(${name} 3)
  target_link_libraries(${name} PRIVATE hni_warnings GTest::gtest GTest::gmock GTest::gtest_main ${arg_LIBS})
  # A test's own operator new takes precedence over ThreadSanitizer's, which is linked as a whole.
  if(HNI_SANITIZE MATCHES thread)
    target_link_options(${name} PRIVATE -Wl,-z,muldefs)
  endif()
  if(HNI_PCH)
    target_precompile_headers(${name} REUSE_FROM hni_test_headers)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
endfunction()
