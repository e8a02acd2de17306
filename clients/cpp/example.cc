// Calls a model with zeros in the shape that its config declares, and prints what comes back:
//
//   modeld_client_example 127.0.0.1:8500 digits
#include <algorithm>
#include <functional>
#include <iostream>
#include <numeric>

#include "absl/strings/str_join.h"
#include "clients/cpp/client.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " ADDRESS MODEL\n";
    return 2;
  }
  const std::unique_ptr<modeld::Client> client = modeld::Client::Connect(argv[1]);
  const absl::StatusOr<modeld::ModelDetails> model = client->GetModel(argv[2]);
  if (!model.ok()) {
    std::cerr << model.status() << "\n";
    return 1;
  }

  modeld::Inputs inputs;
  for (const modeld::v1::TensorSpec& spec : model->config.inputs()) {
    std::vector<int64_t> shape(spec.shape().begin(), spec.shape().end());
    std::replace(shape.begin(), shape.end(), int64_t{-1}, int64_t{1});
    const std::vector<float> zeros(
        std::accumulate(shape.begin(), shape.end(), size_t{1}, std::multiplies<>()));
    inputs[spec.name()] = modeld::MakeTensor<float>(shape, zeros);
  }

  const absl::StatusOr<modeld::Prediction> answer = client->Predict(argv[2], std::move(inputs));
  if (!answer.ok()) {
    std::cerr << answer.status() << "\n";
    return 1;
  }
  std::cout << answer->model << " " << answer->version << "\n";
  for (const auto& [name, value] : answer->outputs) {
    if (const absl::StatusOr<modeld::TensorView<float>> view = modeld::AsTensor<float>(value); view.ok()) {
      std::cout << name << " [" << absl::StrJoin(view->shape, ",")
                << "]: " << absl::StrJoin(view->elements, " ") << "\n";
    }
  }
}
