# SPDX-License-Identifier: Apache-2.0
# What checks the fuzz layer: its own tests, and a replay of each target's corpus.
if(HNI_FUZZ)
  hni_test(fuzz_test SOURCES fuzz_script_test.cpp fuzz_corpus_test.cpp LIBS hni_fuzz)
  target_compile_definitions(fuzz_test PRIVATE HNI_CORPUS="${PROJECT_SOURCE_DIR}/corpus")
  hni_test(card_liar_test SOURCES card_liar_test.cpp LIBS hni_fuzz)
  target_compile_definitions(card_liar_test PRIVATE HNI_CORPUS="${PROJECT_SOURCE_DIR}/corpus")
  # The seeded bugs are bugs of today's driver.
  add_test(NAME fuzz_bugs_apply WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
           COMMAND sh -c "for f in fuzz/bugs/*.patch; do patch --dry-run -s -p1 <$f || exit 1; done")
  add_test(NAME fuzz_campaign COMMAND python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/fuzz_campaign_test.py)
  file(GLOB corpora RELATIVE ${PROJECT_SOURCE_DIR}/corpus ${PROJECT_SOURCE_DIR}/corpus/*)
  foreach(name ${corpora})
    if(TARGET fuzz_${name})
      add_test(NAME fuzz_corpus.${name}
               COMMAND fuzz_${name} ${PROJECT_SOURCE_DIR}/corpus/${name})
      set_tests_properties(fuzz_corpus.${name} PROPERTIES TIMEOUT 300)
    endif()
  endforeach()
endif()
