#include "daemon/scheduling/queued_call.h"

#include "daemon/engine/deep_copy.h"

namespace modeld {

int64_t ArgumentBytes(const std::vector<Value>& arguments) {
  size_t bytes = 0;
  for (const Value& argument : arguments) bytes += CopySize(argument);
  return static_cast<int64_t>(bytes);
}

}  // namespace modeld
