// SPDX-License-Identifier: Apache-2.0
// A private member of a class of the driver, for a proof that begins in an arbitrary state:
//
//   HNI_PRIVATE_MEMBER(WantedOf, &Port<Io>::wanted_);
//   port.*member(WantedOf{}) = true;
//
// In namespace hni::proofs itself. An explicit instantiation may name private members; nothing in
// the driver has to allow it.
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
