# SPDX-License-Identifier: Apache-2.0
# The cost of a received frame on the card before it accesses a ring.
find_package(benchmark REQUIRED)
add_executable(classify_bench classify_bench.cpp)
target_link_libraries(classify_bench PRIVATE openhni::device hni_warnings benchmark::benchmark)
target_include_directories(classify_bench PRIVATE ${PROJECT_SOURCE_DIR})
