# SPDX-License-Identifier: Apache-2.0
# cmake -DHNI_SPEC=... -DCHROMIUM=... -DWORK=<folder> -P html_check.cmake
# Loads the data sheet in a headless browser, searches for an address inside an array, and checks what the script
# leaves visible.
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
  if(NOT page MATCHES "<span id=\"page-count\">([0-9]+) of ([0-9]+)</span>")
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
# Byte 0x980 of queue block 5: the text of the page does not contain this number.
visible("0x105980" at)
if(NOT at EQUAL 1 OR page MATCHES "id=\"QUEUE_BDQ_HPQ_BAL\"[^>]*class=\"hide\"")
  message(FATAL_ERROR "an address inside an array shows ${at} entries")
endif()

# The element that contains the address is listed first.
if(NOT page MATCHES "<a href=\"#QUEUE_BDQ_HPQ_BAL\"[^>]*>QUEUE_BDQ_HPQ_BAL\\[5\\] at byte 0x105980</a>")
  message(FATAL_ERROR "the page does not name the element that an address hits")
endif()

# An exact match comes before names that only contain it; prefix, suffix and several words work.
visible("fbnic_intr_status" exact)
if(NOT page MATCHES "<div id=\"page-hits\"><a href=\"#INTR_STATUS\"")
  message(FATAL_ERROR "an exact name is not the first hit")
endif()
visible("FBNIC_RCD_OPT_META_ACTION" mask)
if(NOT page MATCHES "<div id=\"page-hits\"><a href=\"#RCD_OPT_META\"")
  message(FATAL_ERROR "a mask of Linux does not lead to its layout")
endif()
visible("queue%20payload%20tail" words)
if(words EQUAL 0 OR words GREATER 30)
  message(FATAL_ERROR "three words show ${words} entries")
endif()

# A typed value is decoded, and the selected element of an array shows its address.
visible("&open=TWD&value=0xc00000000000" all)
if(NOT page MATCHES "<small> LAST_AL</small>")
  message(FATAL_ERROR "the calculator does not decode TWD.TYPE")
endif()
visible("&open=INTR_MSIX_CTRL&element=34" all)
if(NOT page MATCHES "<output> byte 0x188 word 0x62</output>")
  message(FATAL_ERROR "the calculator does not place element 34")
endif()

# The navigation is a tree, and citations are links.
if(NOT page MATCHES "<nav><h2>BAR0</h2>" OR NOT page MATCHES "<details><summary><a href=\"#s-r-BAR0-INTR\"")
  message(FATAL_ERROR "the navigation is no tree")
endif()
if(NOT page MATCHES "href=\"docs/reference/device.md#12.1\"")
  message(FATAL_ERROR "citations are no links")
endif()
