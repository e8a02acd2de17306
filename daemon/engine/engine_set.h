// EngineSet: several engines as one.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "daemon/engine/engine.h"

namespace modeld {

// What each runs by its own plans. The plan that the others of a format are held to is that of the first
// engine that runs the format. Thread-safe.
class EngineSet final : public Engine {
 public:
  // REQUIRES: at least one; no two of the same name.
  explicit EngineSet(std::vector<std::unique_ptr<Engine>> engines);

  std::vector<EngineLibrary> libraries() const override;
  std::vector<Plan> plans(ArtifactFormat format) const override;
  // INVALID_ARGUMENT also where none of the engines has the plan.
  absl::StatusOr<std::unique_ptr<Executable>> Load(const LoadRequest& request) override;
  void PrepareThread(int intra_op_threads) override;
  absl::Status health() const override;  // of the first that is not well
  void ReleaseUnusedMemory() override;

 private:
  const std::vector<std::unique_ptr<Engine>> engines_;
};

}  // namespace modeld
