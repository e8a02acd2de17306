#include "registry/golden.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "registry/base/closest_match.h"
#include "registry/base/quote.h"
#include "registry/base/status_macros.h"
#include "registry/identify.h"

namespace modeld {
namespace {

constexpr char kPrefix[] = "golden/";

absl::Status TooMany(size_t count) {
  return absl::InvalidArgumentError(
      absl::StrCat(count, " golden samples; at most ", kMaxGoldenSamples, " are allowed"));
}

absl::Status NotThere(const std::string& name, const std::vector<std::string>& golden,
                      const std::vector<std::string>& available) {
  const auto quoted = [](std::string* out, const std::string& text) { out->append(Quote(text)); };
  constexpr size_t kNamed = 20;
  const auto named = absl::MakeSpan(golden).subspan(0, kNamed);
  return absl::InvalidArgumentError(absl::StrCat(
      "config.json: field \"golden\" names ", Quote(name), ", which is not there",
      DidYouMean(name, available), "; ",
      golden.empty()
          ? "there are no golden samples: carry them as extra files golden/0, golden/1, …, or, for "
            "formats that hold none, as files of the directory <file>.golden/"
          : absl::StrCat("golden samples that are: ", absl::StrJoin(named, ", ", quoted),
                         golden.size() > kNamed ? ", …" : "")));
}

// The digits at the beginning, without leading zeros.
std::string_view Number(std::string_view text) {
  size_t end = 0;
  while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
  std::string_view digits = text.substr(0, end);
  while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
  return digits;
}

}  // namespace

std::string GoldenDirectory(std::string_view path) { return std::string(path) + ".golden"; }

absl::StatusOr<std::vector<GoldenFile>> ListGoldenFiles(FileSystem& file_system, const std::string& path) {
  constexpr size_t kLongestName = 255;
  const std::string directory = GoldenDirectory(path);
  // Beside a file whose own name is nearly as long as names may be, there can be none.
  if (directory.size() - (directory.rfind('/') + 1) > kLongestName) return std::vector<GoldenFile>();
  absl::StatusOr<std::vector<std::string>> names = file_system.List(directory);
  if (absl::IsNotFound(names.status())) return std::vector<GoldenFile>();
  if (!names.ok()) return std::move(names).status();
  std::vector<GoldenFile> files;
  for (const std::string& name : *names) {
    if (IsWorkInProgress(name)) continue;
    const std::string file = absl::StrCat(directory, "/", name);
    MODELD_ASSIGN_OR_RETURN(const FileStat stat, file_system.Stat(file));
    if (!IsPrintable(name) || stat.type != FileType::kRegular) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quote(name), " in ", Quote(directory.substr(directory.rfind('/') + 1)),
                       " is no golden sample: expected regular files with printable names"));
    }
    files.push_back({.name = kPrefix + name, .path = file});
  }
  if (files.size() > kMaxGoldenSamples) return TooMany(files.size());
  std::sort(files.begin(), files.end(),
            [](const GoldenFile& a, const GoldenFile& b) { return NaturalLess(a.name, b.name); });
  return files;
}

absl::StatusOr<std::vector<std::string>> GoldenNames(const v1::ModelConfig& config,
                                                     const std::vector<std::string>& available) {
  std::vector<std::string> golden;
  for (const std::string& name : available) {
    if (absl::StartsWith(name, kPrefix)) golden.push_back(name);
  }
  std::sort(golden.begin(), golden.end(), NaturalLess);
  if (!config.golden().empty()) {
    for (const std::string& name : config.golden()) {
      if (std::find(available.begin(), available.end(), name) == available.end()) {
        return NotThere(name, golden, available);
      }
    }
    golden.assign(config.golden().begin(), config.golden().end());
  }
  if (golden.size() > kMaxGoldenSamples) return TooMany(golden.size());
  return golden;
}

bool NaturalLess(std::string_view a, std::string_view b) {
  const std::string_view whole_a = a, whole_b = b;
  while (!a.empty() && !b.empty()) {
    if (absl::ascii_isdigit(a.front()) && absl::ascii_isdigit(b.front())) {
      const std::string_view number_a = Number(a), number_b = Number(b);
      if (number_a.size() != number_b.size()) return number_a.size() < number_b.size();
      if (number_a != number_b) return number_a < number_b;
      a.remove_prefix(number_a.data() + number_a.size() - a.data());
      b.remove_prefix(number_b.data() + number_b.size() - b.data());
      continue;
    }
    if (a.front() != b.front()) {
      return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front());
    }
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;  // "01" and "1" differ all the same
}

}  // namespace modeld
