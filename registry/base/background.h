// Work that may wait for the CPU: what is done beside serving, and must not be felt there.
#pragma once

#include <exception>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace modeld {

// Lets the calling thread run only when nothing else wants the CPU (SCHED_IDLE), for good: a process without
// privileges may not take it back. Without effect where the kernel refuses.
void LowerPriorityOfThisThread();

// Runs `work` on a thread of its own, of low priority, and returns what it returns, or throws what it throws.
//
// For work that holds no lock which a thread of usual priority may want: whoever holds one while the CPU is
// busy elsewhere holds it for as long as that lasts. That is why it is a thread for each piece of work, and
// not a slower one for all that its caller does.
template <typename Work>
std::invoke_result_t<Work> RunInBackground(Work&& work) {
  std::optional<std::invoke_result_t<Work>> result;
  std::exception_ptr thrown;
  const auto run = [&] {
    LowerPriorityOfThisThread();
    try {
      result.emplace(std::forward<Work>(work)());
    } catch (...) {
      thrown = std::current_exception();
    }
  };
  std::optional<std::thread> thread;
  try {
    thread.emplace(run);
  } catch (const std::system_error&) {
    return std::forward<Work>(work)();  // no thread to be had: better here than not at all
  }
  thread->join();
  if (thrown != nullptr) std::rethrow_exception(thrown);
  return *std::move(result);
}

}  // namespace modeld
