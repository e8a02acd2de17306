#include "daemon/rpc/view_thread.h"

#include <gmock/gmock.h>
#include <grpcpp/server_context.h>
#include <grpcpp/test/default_reactor_test_peer.h>

#include <memory>
#include <vector>

#include "absl/synchronization/notification.h"

namespace modeld {
namespace {

// A call as gRPC makes it, without a server.
struct Call {
  grpc::CallbackServerContext context;
  grpc::testing::DefaultReactorTestPeer peer{&context};
};

TEST(ViewThreadTest, CallsBeyondThoseThatMayWaitAreRefused) {
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < ViewThread::kMostCalls + 1; ++i) calls.push_back(std::make_unique<Call>());
  int answered = 0;
  {
    absl::Notification begun, go_on;
    ViewThread thread;
    thread.Answer(&calls[0]->context, [&] {
      begun.Notify();
      go_on.WaitForNotification();
      return absl::OkStatus();
    });
    begun.WaitForNotification();
    for (int i = 1; i < ViewThread::kMostCalls; ++i) {
      thread.Answer(&calls[static_cast<size_t>(i)]->context, [&] {
        ++answered;
        return absl::OkStatus();
      });
    }
    Call& last = *calls.back();
    thread.Answer(&last.context, [&] {
      ADD_FAILURE() << "it was refused";
      return absl::OkStatus();
    });
    EXPECT_TRUE(last.peer.test_status_set());
    EXPECT_EQ(last.peer.test_status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    go_on.Notify();
  }
  EXPECT_EQ(answered, ViewThread::kMostCalls - 1);
  EXPECT_TRUE(calls[0]->peer.test_status().ok());
}

}  // namespace
}  // namespace modeld
