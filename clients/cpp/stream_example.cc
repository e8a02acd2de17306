// Streams COUNT rows to a model with one input x, FP32[-1, 2], and prints the class of each with the highest
// score:
//
//   modeld_client_stream_example 127.0.0.1:8500 digits 3
#include <cstdlib>
#include <iostream>
#include <thread>

#include "clients/cpp/classification.h"
#include "clients/cpp/client.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: " << argv[0] << " ADDRESS MODEL COUNT\n";
    return 2;
  }
  const std::string name = argv[2];
  const int count = std::atoi(argv[3]);
  const std::unique_ptr<modeld::Client> client = modeld::Client::Connect(argv[1]);
  const absl::StatusOr<modeld::ModelDetails> details = client->GetModel(name);
  if (!details.ok()) {
    std::cerr << details.status() << "\n";
    return 1;
  }
  for (const modeld::VersionInfo& version : details->model.versions) {
    std::cout << name << " " << version.version << ": " << version.plan << "\n";
  }

  const std::unique_ptr<modeld::PredictionStream> stream = client->Stream();
  std::thread writer([&] {
    for (int i = 0; i < count; ++i) {
      modeld::Inputs inputs;
      inputs["x"] = modeld::MakeTensor<float>({1, 2}, {static_cast<float>(i), 1});
      if (!stream->Write(name, std::move(inputs)).ok()) break;
    }
    stream->WritesDone();
  });
  const std::vector<std::string> labels = {"first", "second"};
  while (const std::optional<absl::StatusOr<modeld::Prediction>> answer = stream->Read()) {
    if (!answer->ok()) {
      std::cout << answer->status() << "\n";  // of this request; the stream goes on
      continue;
    }
    const auto rows = modeld::TopK((*answer)->outputs.begin()->second, 1, labels);
    if (rows.ok()) std::cout << rows->at(0).at(0).label << " " << rows->at(0).at(0).value << "\n";
  }
  writer.join();
  const absl::Status ended = stream->Finish();
  if (!ended.ok()) std::cerr << ended << "\n";
  return ended.ok() ? 0 : 1;
}
