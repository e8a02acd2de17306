#include "clients/cpp/models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::Pair;

v1::GetModelResponse Response() {
  v1::GetModelResponse response;
  v1::Model& model = *response.mutable_model();
  model.set_name("digits");
  model.set_live_version("1.1");
  model.set_pinned_version("1.1");
  model.set_pin_reason("the trial");
  (*model.mutable_labels())["live"] = "1.1";
  (*model.mutable_labels())["stable"] = "1.0";
  v1::Version& version = *model.add_versions();
  version.set_version("1.1");
  version.set_state(v1::VERSION_STATE_READY);
  version.set_size_bytes(7);
  version.mutable_registered_at()->set_seconds(1000);
  version.mutable_registered_at()->set_nanos(5);
  version.set_engine("libtorch");
  version.set_plan("libtorch frozen");
  version.add_warnings("unknown key");
  version.set_resident_bytes(4096);
  v1::Version& bad = *model.add_versions();
  bad.set_version("1.0");
  bad.set_state(v1::VERSION_STATE_QUARANTINED);
  bad.set_reason("truncated");
  v1::MethodSignature& method = *response.add_methods();
  method.set_name("forward");
  v1::ArgumentSignature& input = *method.add_inputs();
  input.set_name("x");
  input.set_type("Tensor");
  input.set_dtype("FP32");
  input.add_shape(-1);
  input.add_shape(8);
  v1::ArgumentSignature& flag = *method.add_inputs();
  flag.set_name("flag");
  flag.set_optional(true);
  method.add_outputs()->set_name("logits");
  response.mutable_config()->set_description("ten digits");
  v1::DroppedFile& file = *response.add_dropped_files();
  file.set_path("digits/2.pt");
  file.set_state(v1::DROPPED_FILE_STATE_SETTLING);
  file.mutable_since()->set_seconds(2000);
  return response;
}

TEST(ModelDetails, VersionsWithStateEngineAndPlan) {
  const ModelDetails details = ModelDetailsOf(Response());
  EXPECT_EQ(details.model.name, "digits");
  EXPECT_EQ(details.model.live_version, "1.1");
  EXPECT_EQ(details.model.pin_reason, "the trial");
  EXPECT_THAT(details.model.labels, ElementsAre(Pair("live", "1.1"), Pair("stable", "1.0")));
  ASSERT_EQ(details.model.versions.size(), 2);
  const VersionInfo* version = details.model.version("1.1");
  ASSERT_EQ(version, &details.model.versions[0]);
  EXPECT_EQ(version->state, v1::VERSION_STATE_READY);
  EXPECT_EQ(version->engine, "libtorch");
  EXPECT_EQ(version->plan, "libtorch frozen");
  EXPECT_EQ(version->size_bytes, 7);
  EXPECT_EQ(version->resident_bytes, 4096);
  EXPECT_EQ(version->registered_at, absl::FromUnixSeconds(1000) + absl::Nanoseconds(5));
  EXPECT_THAT(version->warnings, ElementsAre("unknown key"));
  EXPECT_EQ(details.model.version("1.0")->reason, "truncated");
  EXPECT_EQ(details.model.version("3"), nullptr);
}

TEST(ModelDetails, SignaturesConfigAndDroppedFiles) {
  const ModelDetails details = ModelDetailsOf(Response());
  const MethodInfo* forward = details.method("forward");
  ASSERT_NE(forward, nullptr);
  ASSERT_EQ(forward->inputs.size(), 2);
  EXPECT_EQ(forward->inputs[0].type, "Tensor");
  EXPECT_EQ(forward->inputs[0].dtype, "FP32");
  EXPECT_THAT(forward->inputs[0].shape, ElementsAre(-1, 8));
  EXPECT_FALSE(forward->inputs[0].optional);
  EXPECT_TRUE(forward->inputs[1].optional);
  EXPECT_EQ(forward->outputs[0].name, "logits");
  EXPECT_EQ(details.method("embed"), nullptr);
  EXPECT_EQ(details.config.description(), "ten digits");
  ASSERT_EQ(details.dropped_files.size(), 1);
  EXPECT_EQ(details.dropped_files[0].state, v1::DROPPED_FILE_STATE_SETTLING);
  EXPECT_EQ(details.dropped_files[0].since, absl::FromUnixSeconds(2000));
}

TEST(ModelListing, PagesAreJoined) {
  v1::ListModelsResponse first, second;
  first.add_models()->set_name("a");
  first.add_dropped_files()->set_path("x.pt");
  first.set_source_error("not mounted");
  second.add_models()->set_name("b");
  ModelListing listing;
  AppendPage(std::move(first), listing);
  AppendPage(std::move(second), listing);
  ASSERT_EQ(listing.models.size(), 2);
  EXPECT_EQ(listing.models[1].name, "b");
  EXPECT_EQ(listing.dropped_files.size(), 1);
  EXPECT_EQ(listing.source_error, "not mounted");
}

}  // namespace
}  // namespace modeld
