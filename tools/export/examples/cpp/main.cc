// Runs a TorchScript file by LibTorch alone: `run_torchscript FILE 2,4 < FLOATS` prints forward's elements,
// one a line.
#include <torch/script.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s FILE SHAPE < elements as text\n", argv[0]);
    return 2;
  }
  try {
    std::vector<int64_t> shape;
    std::stringstream text(argv[2]);
    for (std::string size; std::getline(text, size, ',');) shape.push_back(std::stoll(size));
    std::vector<float> elements{std::istream_iterator<float>(std::cin), {}};
    const c10::InferenceMode inference_mode;
    torch::jit::Module module = torch::jit::load(argv[1], at::kCPU);
    module.eval();
    const at::Tensor input =
        at::from_blob(elements.data(), {static_cast<int64_t>(elements.size())}).view(shape);
    const at::Tensor output = module.forward({input}).toTensor().contiguous();
    for (int64_t i = 0; i < output.numel(); ++i) std::printf("%.9g\n", output.data_ptr<float>()[i]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
