// SPDX-License-Identifier: Apache-2.0
// Accesses a private member of a driver class, for a proof that starts in an arbitrary state:
//
//   HNI_PRIVATE_MEMBER(WantedOf, &Port<Io>::wanted_);
//   port.*member(WantedOf{}) = true;
//
// Use it in namespace hni::proofs. An explicit instantiation may name private members, so the
// driver needs no change.
#pragma once

#define HNI_PRIVATE_MEMBER(Tag, pointer) \
  struct Tag {                           \
    friend auto member(Tag);             \
  };                                     \
  template struct ::hni::proofs::MemberOf<Tag, pointer>

namespace hni::proofs {

template <class Tag, auto kPointer>
struct MemberOf {
  friend auto member(Tag) { return kPointer; }
};

}  // namespace hni::proofs
