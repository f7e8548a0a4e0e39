#!/bin/bash -eu
# SPDX-License-Identifier: Apache-2.0
exec "$SRC/openhni/fuzz/engine/build_oss_fuzz.sh"
