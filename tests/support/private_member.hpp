// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Accesses a private member of a class, data or function, for a test or a proof that starts in an
/// arbitrary state:
///
///     HNI_PRIVATE_MEMBER(StateOf, &Port<Io>::state_);
///     member(StateOf{}, port) = PortState::kReady;
///     (port.*member(ResetOf{}))(now);
///
/// An explicit instantiation may name private members, so the class needs no change. Not for
/// product code.

#define HNI_PRIVATE_MEMBER(Tag, pointer)                   \
  struct Tag {                                             \
    friend constexpr auto member(Tag);                     \
  };                                                       \
  template <auto kPointer>                                 \
  struct Tag##Member {                                     \
    friend constexpr auto member(Tag) { return kPointer; } \
  };                                                       \
  template struct Tag##Member<pointer>

namespace hni {

/// Returns the data member of `object` that `tag` denotes.
template <class Tag, class Object>
constexpr auto& member(Tag tag, Object& object) {
  return object.*member(tag);
}

}  // namespace hni
