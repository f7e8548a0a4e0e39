# SPDX-License-Identifier: Apache-2.0
# Tests of the prover: the symbolic integer against the compiler, terms against Z3, exploration, verdicts.
if(TARGET hni_prover)
  hni_test(proofs_integer_test SOURCES proofs_integer_test.cpp LIBS hni_prover)
  # 10^8 cases: optimised in every build. The conversions that the warnings are about are its subject.
  set_source_files_properties(proofs_integer_test.cpp PROPERTIES COMPILE_OPTIONS
    "-O2;-Wno-conversion;-Wno-sign-conversion;-Wno-sign-compare;-Wno-bool-compare;-Wno-bool-operation;-Wno-int-in-bool-context;-Wno-type-limits")
  hni_test(proofs_prover_test SOURCES proofs_prover_test.cpp LIBS hni_prover)
endif()
