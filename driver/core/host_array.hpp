// SPDX-License-Identifier: Apache-2.0
#pragma once

/// HostArray<T>: a fixed array that is allocated once before start and reports failure as a value.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include "driver/core/error.hpp"

namespace hni {

/// A fixed array of host memory.
/// @tparam T element type
template <class T>
requires std::is_trivially_copyable_v<T>
class HostArray {
 public:
  /// Allocates an array.
  /// @param n number of value-initialised elements
  /// @return the array; kNoMemory if the host is out of memory
  static Result<HostArray> make(std::size_t n) {
    HostArray array;
    array.data_.reset(new (std::nothrow) T[n]{});
    if (!array.data_) return fail(ErrorCode::kNoMemory, n * sizeof(T));
    array.size_ = n;
    return array;
  }

  /// Accesses an element. Generic over the word type of the ring algebra; `index` must be in
  /// range.
  /// @param index element number
  /// @return the element
  template <class W>
  constexpr T& at(const W& index) {
    return data_[static_cast<std::size_t>(index)];
  }
  /// Accesses an element of a constant array; `index` must be in range.
  /// @param index element number
  /// @return the element
  template <class W>
  constexpr const T& at(const W& index) const {
    return data_[static_cast<std::size_t>(index)];
  }
  /// @return number of elements
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Overwrites all elements.
  /// @param value new value
  void fill(const T& value) {
    for (std::size_t i = 0; i < size_; ++i) data_[i] = value;
  }

 private:
  std::unique_ptr<T[]> data_;
  std::size_t size_ = 0;
};

}  // namespace hni
