// ArenaCall: the messages of one unary call, from before the request is parsed until the answer is sent, in
// one allocation.
#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/support/message_allocator.h>

#include <cstddef>

namespace modeld {

// gRPC hands a handler its request as const; this one is ours, and may be taken apart, so that tensor bytes
// move out of it instead of being copied. `kFirstBlockBytes` have room for the messages of light requests.
template <typename Request, typename Response, size_t kFirstBlockBytes>
class ArenaCall : public grpc::MessageHolder<Request, Response> {
 protected:
  ArenaCall() {
    this->set_request(New<Request>());
    this->set_response(New<Response>());
  }
  ~ArenaCall() override = default;

  // Lives as long as the call.
  template <typename Message>
  Message* New() {
    return google::protobuf::Arena::CreateMessage<Message>(&arena_);
  }

 private:
  alignas(8) char first_block_[kFirstBlockBytes];
  google::protobuf::Arena arena_{first_block_, kFirstBlockBytes};
};

}  // namespace modeld
