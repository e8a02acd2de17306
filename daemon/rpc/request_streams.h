// RequestStreams: the streams of requests that are open.
#pragma once

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "registry/base/mutex.h"

namespace modeld {

// A stream as who stops it sees it.
class StoppableStream {
 public:
  virtual ~StoppableStream() = default;
  // Reads no more, and ends when what it has read is answered.
  virtual void Stop() = 0;
};

// Thread-safe; outlives the streams.
class RequestStreams {
 public:
  RequestStreams() = default;
  RequestStreams(const RequestStreams&) = delete;
  RequestStreams& operator=(const RequestStreams&) = delete;

  // From now on streams read no more, and each ends with UNAVAILABLE when what it has read is answered; so
  // does each that begins.
  void Stop();

  // Of the streams. True: Stop was called.
  bool Add(const std::shared_ptr<StoppableStream>& stream);
  void Remove(StoppableStream* stream);

 private:
  Mutex mutex_;
  std::map<StoppableStream*, std::weak_ptr<StoppableStream>> streams_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace modeld
