// ShapeCheck: whether a model takes inputs of some shapes.
//
// OpenVINO's CPU plugin does not look: it multiplies matrices that do not fit together, and reads beyond
// their end. The model's own inference of shapes does, and it is asked for each combination of shapes that is
// new.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <openvino/core/model.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "daemon/engine/tensor.h"
#include "registry/base/mutex.h"

namespace modeld {

// Thread-safe.
class ShapeCheck {
 public:
  // Keeps a copy of the model without its weights. Throws ov::Exception.
  explicit ShapeCheck(const ov::Model& model);

  // Throws std::runtime_error where the model does not take such inputs, which are in its order, with the
  // operator, or where a tensor within has no elements then, or its size depends on numbers. std::bad_alloc.
  void Check(const std::vector<const Tensor*>& inputs);

 private:
  using Shapes = std::vector<std::vector<int64_t>>;

  // Why not; none: it does.
  std::optional<std::string> Refusal(const Shapes& shapes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<ov::Model> model_;
  Mutex mutex_;
  std::map<Shapes, std::optional<std::string>> refusals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace modeld
