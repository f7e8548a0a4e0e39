# SPDX-License-Identifier: Apache-2.0
# Tests of the prover: the symbolic integer against the compiler, terms against Z3, exploration, verdicts.
if(TARGET hni_prover)
  set(HNI_PROOFS_INTEGER_TESTS
    proofs_integer_test.cpp proofs_integer_small_wide_test.cpp proofs_integer_wide_small_test.cpp
    proofs_integer_wide_short_test.cpp proofs_integer_wide_long_test.cpp)
  hni_test(proofs_integer_test SOURCES ${HNI_PROOFS_INTEGER_TESTS} LIBS hni_prover)
  # 10^8 cases: optimised in every build. The conversions that the warnings are about are its subject.
  set_source_files_properties(${HNI_PROOFS_INTEGER_TESTS} PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS
    "-O2;$<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-warning-option>;-Wno-conversion;-Wno-sign-conversion;-Wno-sign-compare;-Wno-bool-compare;-Wno-bool-operation;-Wno-int-in-bool-context;-Wno-type-limits")
  hni_test(proofs_prover_test SOURCES proofs_prover_test.cpp LIBS hni_prover)

  # Every obligation, by both solvers; then the order of memory accesses; then a sample of the mutants.
  add_test(NAME proofs_obligations COMMAND hni-prove --jobs 2)
  set_tests_properties(proofs_obligations PROPERTIES TIMEOUT 1200 PROCESSORS 2)
  # A counterexample as a script, on the real driver.
  if(TARGET hni AND TARGET hni_fuzz)
    add_test(NAME proofs_counterexamples_replay
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/proofs_replay.sh $<TARGET_FILE:hni-prove>
                     $<TARGET_FILE:hni> fuzz)
  elseif(TARGET hni-fuzz)
    add_test(NAME proofs_counterexamples_replay
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/proofs_replay.sh $<TARGET_FILE:hni-prove>
                     $<TARGET_FILE:hni-fuzz>)
  endif()
  find_program(HNI_SPIN spin)
  if(HNI_SPIN)
    add_test(NAME proofs_memory_order COMMAND ${PROJECT_SOURCE_DIR}/proofs/order/check)
    set_tests_properties(proofs_memory_order PROPERTIES TIMEOUT 600)
  endif()
  # A fixed sample of the mutants: none may survive but those that proofs/mutants.json explains.
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_FOUND AND NOT HNI_SANITIZE)
    add_test(NAME proofs_mutants_sample
             COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/proofs/mutate --sample --quiet
                     --build ${PROJECT_BINARY_DIR} --compiler ${CMAKE_CXX_COMPILER} --jobs 2)
    set_tests_properties(proofs_mutants_sample PROPERTIES TIMEOUT 1200 PROCESSORS 2)
  endif()
endif()
