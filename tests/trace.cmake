# SPDX-License-Identifier: Apache-2.0
# Probes and tracing tools. Those of label `trace` run on the real kernel: 77 there means no root, no BPF, or no bpftrace.
if(TARGET hni AND TARGET hni_trace AND TARGET hni_fuzz)
  add_executable(trace_workload trace_workload.cpp)
  target_link_libraries(trace_workload PRIVATE hni_warnings hni_fuzz hni_probe_list openhni::trace)
  target_compile_options(trace_workload PRIVATE -fno-omit-frame-pointer)

  hni_test(trace_units_test SOURCES trace_units_test.cpp LIBS hni_tools hni_probe_list)

  foreach(scenario notes docs messages events latency polls stalls buffers drops refused mailbox wakeups timeline registers
                   top monitor record kill lie replay)
    add_test(NAME trace_${scenario}
      COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/trace_test.sh $<TARGET_FILE:hni> $<TARGET_FILE:trace_workload>
              $<TARGET_FILE:hni-trace-gen> ${PROJECT_SOURCE_DIR} ${scenario})
    set_tests_properties(trace_${scenario} PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77 LABELS trace)
  endforeach()
endif()
