// Striped: a T for each of several groups of threads, so that threads that count often do not take one cache
// line from each other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

namespace modeld {

// Ascending, from 0, in the order in which threads first ask.
inline size_t NumberOfThisThread() {
  static std::atomic<size_t> threads{0};
  thread_local const size_t number = threads.fetch_add(1, std::memory_order_relaxed);
  return number;
}

// Thread-safe, without a lock, as far as T is. Each T is made when a thread first asks for it: what nobody
// counts in takes next to nothing.
template <typename T>
class Striped {
 public:
  Striped() = default;
  ~Striped() {
    for (const std::atomic<T*>& stripe : stripes_) delete stripe.load(std::memory_order_acquire);
  }
  Striped(const Striped&) = delete;
  Striped& operator=(const Striped&) = delete;

  // Null: there was no memory for one. It lives as long as this.
  T* OfThisThread() {
    std::atomic<T*>& place = stripes_[NumberOfThisThread() % kStripes];
    T* stripe = place.load(std::memory_order_acquire);
    if (stripe != nullptr) return stripe;
    std::unique_ptr<T> made(new (std::nothrow) T);
    // Another thread may have been faster: then `stripe` becomes its one.
    if (made == nullptr || !place.compare_exchange_strong(stripe, made.get(), std::memory_order_acq_rel)) {
      return stripe;
    }
    return made.release();
  }

  // Of those that were made.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const std::atomic<T*>& place : stripes_) {
      if (const T* const stripe = place.load(std::memory_order_acquire)) visit(*stripe);
    }
  }

 private:
  static constexpr size_t kStripes = 8;
  std::array<std::atomic<T*>, kStripes> stripes_{};  // owned; null until used
};

}  // namespace modeld
