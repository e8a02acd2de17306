#include "daemon/rpc/request_streams.h"

#include <utility>
#include <vector>

namespace modeld {

void RequestStreams::Stop() {
  std::vector<std::shared_ptr<StoppableStream>> open;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    for (const auto& [stream, weak] : streams_) {
      if (std::shared_ptr<StoppableStream> shared = weak.lock()) open.push_back(std::move(shared));
    }
  }
  // Not under the lock: a stream that ends comes back to Remove, perhaps on this thread.
  for (const std::shared_ptr<StoppableStream>& stream : open) stream->Stop();
}

bool RequestStreams::Add(const std::shared_ptr<StoppableStream>& stream) {
  MutexLock lock(&mutex_);
  streams_.emplace(stream.get(), stream);
  return stopped_;
}

void RequestStreams::Remove(StoppableStream* stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream);
}

}  // namespace modeld
