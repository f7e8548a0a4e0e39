# SPDX-License-Identifier: Apache-2.0
# cmake -DFROM=<spec folder> -DTO=<folder> -DEDITS=<file|old|new;...> -P make_variant.cmake
# Copies the .rdl files and applies the edits, each of which must match.
file(GLOB_RECURSE files RELATIVE ${FROM} ${FROM}/*.rdl)
foreach(name ${files})
  configure_file(${FROM}/${name} ${TO}/${name} COPYONLY)
endforeach()
foreach(edit ${EDITS})
  string(REPLACE "|" ";" parts "${edit}")
  list(GET parts 0 name)
  list(GET parts 1 old)
  list(GET parts 2 new)
  file(READ ${TO}/${name} text)
  string(REPLACE "${old}" "${new}" changed "${text}")
  if(changed STREQUAL text)
    message(FATAL_ERROR "${name} does not hold '${old}'")
  endif()
  file(WRITE ${TO}/${name} "${changed}")
endforeach()
