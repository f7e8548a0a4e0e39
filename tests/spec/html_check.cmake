# SPDX-License-Identifier: Apache-2.0
# cmake -DHNI_SPEC=... -DCHROMIUM=... -DWORK=<folder> -P html_check.cmake
# Loads the data sheet in a headless browser, asks it for an address inside an array, and looks at
# what the script left visible.
file(MAKE_DIRECTORY ${WORK})
execute_process(COMMAND ${HNI_SPEC} html -o ${WORK}/fbnic.html COMMAND_ERROR_IS_FATAL ANY)

function(visible query result)
  execute_process(
    COMMAND ${CHROMIUM} --headless --no-sandbox --disable-gpu --user-data-dir=${WORK}/profile
            --virtual-time-budget=5000 --dump-dom file://${WORK}/fbnic.html?q=${query}
    OUTPUT_VARIABLE page ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
  if(NOT page MATCHES "data-ready=\"1\"")
    message(FATAL_ERROR "the page's script did not run to its end")
  endif()
  if(NOT page MATCHES "<span id=\"count\">([0-9]+) of ([0-9]+)</span>")
    message(FATAL_ERROR "the page shows no count")
  endif()
  set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
  set(total ${CMAKE_MATCH_2} PARENT_SCOPE)
  set(page "${page}" PARENT_SCOPE)
endfunction()

visible("" all)
if(NOT all EQUAL total OR total LESS 1000)
  message(FATAL_ERROR "without a search ${all} of ${total} are shown")
endif()
visible("RPC_TCAM_ACT" some)
if(some EQUAL 0 OR some GREATER 10)
  message(FATAL_ERROR "a search for one register shows ${some}")
endif()
# Byte 0x980 of queue block 5: no text of the page holds this number.
visible("0x105980" at)
if(NOT at EQUAL 1 OR page MATCHES "id=\"QUEUE_BDQ_HPQ_BAL\"[^>]*class=\"hide\"")
  message(FATAL_ERROR "an address inside an array shows ${at} entries")
endif()
