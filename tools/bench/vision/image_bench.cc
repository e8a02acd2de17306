// How long a 1280x720 JPEG takes to a 224x224 tensor, beside the floor: bare OpenCV's decode and resize and
// one pass that makes floats. All in turns in one run, on one thread; prints medians in milliseconds as JSON:
// of the floor, of the daemon, of the plain sequence of OpenCV's calls that people write by hand, and of the
// daemon with interpolation antialias_linear.
//
//   modeld_image_bench [rounds]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "daemon/vision/image_input.h"

namespace modeld {
namespace {

constexpr int kSide = 224;

// Smooth, with some noise, as photographs are.
std::string Photograph() {
  cv::Mat image(720, 1280, CV_8UC3), noise(720, 1280, CV_8UC3);
  for (int y = 0; y < image.rows; ++y) {
    for (int x = 0; x < image.cols; ++x) {
      const auto wave = [&](double a, double b) {
        return static_cast<uint8_t>(127 + 100 * std::sin(x * a + y * b));
      };
      image.at<cv::Vec3b>(y, x) = {wave(0.01, 0.02), wave(0.03, -0.01), wave(0.002, 0.05)};
    }
  }
  cv::theRNG().state = 1;
  cv::randn(noise, 0, 12);
  cv::add(image, noise, image);
  std::vector<uint8_t> bytes;
  cv::imencode(".jpg", image, bytes, {cv::IMWRITE_JPEG_QUALITY, 90});
  return {bytes.begin(), bytes.end()};
}

void Floor(const std::string& bytes, std::vector<float>& out) {
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
  const cv::Mat image = cv::imdecode(encoded, cv::IMREAD_COLOR);
  cv::Mat resized;
  cv::resize(image, resized, cv::Size(kSide, kSide));
  constexpr size_t kPlane = kSide * kSide;
  for (int y = 0; y < kSide; ++y) {
    const uint8_t* pixel = resized.ptr<uint8_t>(y);
    for (int x = 0; x < kSide; ++x, pixel += 3) {
      for (size_t c = 0; c < 3; ++c) {
        out[c * kPlane + y * kSide + x] = static_cast<float>(pixel[2 - c]) * (2.0f / 255) - 1.0f;
      }
    }
  }
}

// What people write by hand: a pass for each step.
void PlainSequence(const std::string& bytes, std::vector<float>& out) {
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
  cv::Mat image = cv::imdecode(encoded, cv::IMREAD_COLOR);
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  cv::resize(image, image, cv::Size(kSide, kSide));
  image.convertTo(image, CV_32FC3);
  image /= 255;
  image -= cv::Scalar::all(0.5);
  image /= 0.5;
  std::vector<cv::Mat> planes;
  for (int c = 0; c < 3; ++c)
    planes.emplace_back(kSide, kSide, CV_32FC1, &out[static_cast<size_t>(c) * kSide * kSide]);
  cv::split(image, planes);
}

double Milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

double Median(std::vector<double> numbers) {
  std::nth_element(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2),
                   numbers.end());
  return numbers[numbers.size() / 2];
}

int Main(int rounds) {
  cv::setNumThreads(0);
  const std::string bytes = Photograph();
  v1::ImagePreprocess config;
  config.set_scale(1.0 / 255);
  for (int c = 0; c < 3; ++c) {
    config.add_mean(0.5);
    config.add_std(0.5);
  }
  config.mutable_resize()->set_width(kSide);
  config.mutable_resize()->set_height(kSide);
  const ImageInput input(config, DType::kFp32);
  config.mutable_resize()->set_interpolation("antialias_linear");
  const ImageInput antialias(config, DType::kFp32);

  std::vector<float> out(3 * kSide * kSide);
  const auto check = [](const absl::StatusOr<Tensor>& tensor) {
    if (!tensor.ok()) std::abort();
  };
  const std::vector<std::pair<const char*, std::function<void()>>> ways = {
      {"floor", [&] { Floor(bytes, out); }},
      {"modeld",
       [&] {
         check(input.ToTensor({&bytes, 1}));
       }},
      {"plain_sequence", [&] { PlainSequence(bytes, out); }},
      {"modeld_antialias_linear",
       [&] {
         check(antialias.ToTensor({&bytes, 1}));
       }},
  };
  std::vector<std::vector<double>> times(ways.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < ways.size(); ++i) times[i].push_back(Milliseconds(ways[i].second));
  }
  for (size_t i = 0; i < ways.size(); ++i) {
    std::printf("%s\"%s\": %.4f%s", i == 0 ? "{" : ", ", ways[i].first, Median(times[i]),
                i + 1 == ways.size() ? "}\n" : "");
  }
  return 0;
}

}  // namespace
}  // namespace modeld

int main(int argc, char** argv) { return modeld::Main(argc > 1 ? std::atoi(argv[1]) : 300); }
