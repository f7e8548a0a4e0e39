# SPDX-License-Identifier: Apache-2.0
# The forwarding benchmark, and the same program without the checks of device input, so that their cost is the
# difference of two figures of one build. The second program is generated here from the same headers and exists
# nowhere else.
find_package(benchmark REQUIRED)

# hni_forward_bench(name [HARDENED]): adds a forwarding benchmark. Without HARDENED it is built without the hardening
# flags of cmake/hni.cmake, because the figure describes the driver itself and must be comparable to other drivers and
# to a user's build. The difference to the hardened one is the cost of the flags.
function(hni_forward_bench name)
  add_executable(${name} forward_bench.cpp)
  target_link_libraries(${name} PRIVATE openhni::driver benchmark::benchmark)
  if(NOT "HARDENED" IN_LIST ARGN)
    target_compile_options(${name} PRIVATE -fno-stack-protector -U_FORTIFY_SOURCE -U_GLIBCXX_ASSERTIONS)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
      target_compile_options(${name} PRIVATE -fcf-protection=none)
    endif()
  endif()
  if(HNI_TRACE AND NOT "UNTRACED" IN_LIST ARGN)
    target_link_libraries(${name} PRIVATE openhni::trace)
  endif()
endfunction()
hni_forward_bench(forward_bench)
hni_forward_bench(forward_bench_hardened HARDENED)
# Without probes: the difference is the cost of unattached probes.
hni_forward_bench(forward_bench_untraced UNTRACED)
target_link_libraries(forward_bench PRIVATE hni_warnings)

set(HNI_UNCHECKED ${CMAKE_CURRENT_BINARY_DIR}/unchecked)
function(hni_take_out file)
  file(READ ${PROJECT_SOURCE_DIR}/driver/${file} text)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/driver/${file})
  while(ARGN)
    list(POP_FRONT ARGN from to)
    string(FIND "${text}" "${from}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "bench: driver/${file} no longer has the check '${from}': name it anew in bench/forward.cmake")
    endif()
    string(REPLACE "${from}" "${to}" text "${text}")
  endwhile()
  file(CONFIGURE OUTPUT ${HNI_UNCHECKED}/driver/${file} CONTENT "${text}" @ONLY)
endfunction()
hni_take_out(core/untrusted.hpp
  "if (!(value_ < limit)) return false" "(void)limit"
  "if (!(value_ <= limit)) return false" "(void)limit")
hni_take_out(queues/ring.hpp
  "return n < used()" "return true"
  "return n <= used()" "return true")
hni_take_out(queues/buffer_ring.hpp
  "return next_offset <= offset &&" "return true || next_offset <= offset &&")
hni_take_out(queues/tx_ring.hpp
  "if (window.distance(done, window.tail) < n) return false" ""
  "if (!slots.at(window.distance(W(1), slot)).last()) return false" "")

hni_forward_bench(forward_bench_unchecked)
target_include_directories(forward_bench_unchecked BEFORE PRIVATE ${HNI_UNCHECKED})
