// Whether this is a build with AddressSanitizer or ThreadSanitizer: their allocators reserve the address
// space, and keep what is freed.
#pragma once

namespace modeld {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace modeld
