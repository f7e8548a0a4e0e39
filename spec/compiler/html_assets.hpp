// SPDX-License-Identifier: Apache-2.0
// Style sheet and script of the data sheet page. The page is complete without the script, which
// adds search, filters and expanding links.
#pragma once

namespace hni::speclib {

extern const char* const kHtmlStyle;
extern const char* const kHtmlScript;

}  // namespace hni::speclib
