#include "registry/base/shortened.h"

namespace modeld {
namespace {

// On the wire a byte of gRPC's message takes up to three, percent-encoded.
constexpr size_t kMaxMessageBytes = 2400;
constexpr size_t kKeptAtBegin = 800;
constexpr size_t kKeptAtEnd = 1500;

}  // namespace

std::string Shortened(std::string_view message) {
  if (message.size() <= kMaxMessageBytes) return std::string(message);
  const size_t left_out = message.size() - kKeptAtBegin - kKeptAtEnd;
  std::string shortened(message.substr(0, kKeptAtBegin));
  shortened += "\n[" + std::to_string(left_out) + " bytes left out]\n";
  shortened += message.substr(message.size() - kKeptAtEnd);
  return shortened;
}

}  // namespace modeld
