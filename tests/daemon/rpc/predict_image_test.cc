// ModelService.Predict with encoded images: decoded by threads of their own, and only for who still waits.
#include <gmock/gmock.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/daemon/rpc/rpc_fixture.h"

namespace modeld {
namespace {

using testing::HasSubstr;

// One pixel: blue 1, green 2, red 3.
std::string Bitmap() {
  std::string bytes = "BM";
  const auto number = [&](uint32_t n, int count) {
    for (int i = 0; i < count; ++i) bytes += static_cast<char>(n >> (8 * i));
  };
  for (const uint32_t n : {58u, 0u, 54u, 40u, 1u, 1u}) number(n, 4);
  number(1, 2);
  number(24, 2);
  for (int i = 0; i < 6; ++i) number(0, 4);
  return bytes + std::string("\1\2\3\0", 4);
}

v1::PredictRequest ImageRequest(const std::string& bytes = Bitmap()) {
  v1::PredictRequest request;
  request.set_model("m");
  v1::Tensor& tensor = *(*request.mutable_inputs())["x"].mutable_tensor();
  tensor.set_dtype("BYTES");
  tensor.add_bytes_values(bytes);
  return request;
}

class PredictImageTest : public RpcTest {
 protected:
  // Echoes the tensor, as one row of three classes.
  void StartWithModel() {
    Start();
    FakeModel model;
    model.Add(UnaryMethod("forward"), [this](std::vector<Value> arguments) -> absl::StatusOr<Value> {
      ++runs_;
      arguments[0].get_if<Tensor>()->shape = {1, 3};
      return std::move(arguments[0]);
    });
    model.images["x"];
    model.classes["output"].set_top_k(1);
    Register("m", "1", model);
  }
  // Keeps the decoders busy until `may_go_on_`.
  void Block() {
    ASSERT_OK(decoders_.Post(1, absl::InfiniteFuture(), [this] {
      blocked_.Notify();
      may_go_on_.Wait();
    }));
    blocked_.Wait();
  }

  std::atomic<int> runs_ = 0;
  Notification blocked_, may_go_on_;
};

TEST_F(PredictImageTest, IsAnsweredByItsClasses) {
  StartWithModel();
  v1::PredictResponse response;
  ASSERT_THAT(Predict(ImageRequest(), &response), RpcOk());
  const float expected[] = {3, 2, 1};
  EXPECT_EQ(response.outputs().at("output").tensor().raw(),
            std::string(reinterpret_cast<const char*>(expected), sizeof(expected)));
  const v1::ListValue& classes = response.outputs().at("output_classes").list();
  ASSERT_EQ(classes.items_size(), 1);
  const v1::DictValue& first = classes.items(0).dict();
  ASSERT_EQ(first.entries_size(), 2);
  EXPECT_EQ(first.entries(0).key().string_value(), "index");
  EXPECT_EQ(first.entries(0).value().int_value(), 0);
  EXPECT_EQ(first.entries(1).key().string_value(), "score");
  EXPECT_EQ(first.entries(1).value().float_value(), 3);
}

TEST_F(PredictImageTest, WhatIsNoImageIsTheCallersFault) {
  StartWithModel();
  EXPECT_THAT(Predict(ImageRequest("text")),
              RpcStatusIs(grpc::INVALID_ARGUMENT,
                          HasSubstr("model \"m\" version 1: input \"x\": expected an encoded")));
  EXPECT_EQ(runs_, 0);
}

TEST_F(PredictImageTest, MoreThanMayWaitIsRefusedAtOnce) {
  StartWithModel();
  Block();
  ASSERT_OK(decoders_.Post(1, absl::InfiniteFuture(), [] {}));
  EXPECT_THAT(Predict(ImageRequest()),
              RpcStatusIs(grpc::RESOURCE_EXHAUSTED, HasSubstr("wait to be decoded; try again later")));
  may_go_on_.Notify();
}

TEST_F(PredictImageTest, WhoHasGoneOrIsTooLateCostsNothing) {
  StartWithModel();
  Block();
  EXPECT_THAT(Predict(ImageRequest(), std::make_unique<v1::PredictResponse>().get(), absl::Milliseconds(20)),
              RpcStatusIs(grpc::DEADLINE_EXCEEDED, testing::_));
  may_go_on_.Notify();
  decoders_.Stop();  // runs what waits
  EXPECT_EQ(runs_, 0);
}

}  // namespace
}  // namespace modeld
