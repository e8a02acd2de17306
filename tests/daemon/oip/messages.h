// Messages for tests, from their text form.
#pragma once

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

namespace modeld {

template <typename Message>
Message Parsed(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

// The elements' bytes, one after the other.
template <typename T>
std::string RawOf(std::initializer_list<T> elements) {
  std::string raw;
  for (const T element : elements) raw.append(reinterpret_cast<const char*>(&element), sizeof(T));
  return raw;
}

}  // namespace modeld
