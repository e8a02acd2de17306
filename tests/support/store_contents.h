// What lies in an artifact store's directory, looked at from outside.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "registry/base/file_system.h"
#include "registry/sha256.h"

namespace modeld {

struct StoreContents {
  std::vector<std::string> whole;   // hashes of the artifacts in their places
  std::vector<std::string> faulty;  // files under sha256/ that are not what their name says
  std::vector<std::string> staging;
};

inline StoreContents LookIntoStore(const std::string& root) {
  StoreContents contents;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root + "/sha256")) {
    if (entry.is_directory()) continue;
    const std::string name = entry.path().filename();
    Sha256 sha256;
    sha256.Update(ReadFile(*FileSystem::Real(), entry.path(), size_t{1} << 30).value());
    (sha256.Finish().value() == name ? contents.whole : contents.faulty).push_back(name);
  }
  for (const auto& entry : std::filesystem::directory_iterator(root + "/staging")) {
    contents.staging.push_back(entry.path().filename());
  }
  return contents;
}

}  // namespace modeld
