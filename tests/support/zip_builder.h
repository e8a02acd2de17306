// ZipBuilder: ZIP archives byte by byte, honest and otherwise, for tests. Needs no library.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace modeld {

inline uint32_t Crc32(std::string_view data) {
  uint32_t crc = ~0u;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

// One entry; what is not said is as it should be.
struct ZipBuilderEntry {
  std::string name;
  std::string data;                           // as it lies in the archive: compressed, if `method` is not 0
  uint16_t method = 0;                        // 0: stored, 8: deflated
  uint16_t flags = 0;                         // 1: encrypted
  std::optional<uint32_t> uncompressed_size;  // what the headers say
  std::optional<uint32_t> crc;                // what the headers say
  std::optional<uint32_t> local_offset;       // where the directory says that the entry begins
  uint16_t made_by = 3 << 8;                  // Unix
  uint32_t external_attributes = 0100644u << 16;
};

class ZipBuilder {
 public:
  ZipBuilder& Add(ZipBuilderEntry entry) {
    entries_.push_back(std::move(entry));
    return *this;
  }
  ZipBuilder& Add(std::string name, std::string content = "") {
    return Add(ZipBuilderEntry{.name = std::move(name),
                               .data = std::move(content),
                               .uncompressed_size = {},
                               .crc = {},
                               .local_offset = {}});
  }
  // Ends the archive as LibTorch does: with the 64-bit records, whether needed or not.
  ZipBuilder& UseZip64() {
    zip64_ = true;
    return *this;
  }
  // The number of entries that the end record claims.
  ZipBuilder& ClaimEntries(uint16_t count) {
    claimed_entries_ = count;
    return *this;
  }

  std::string Build() const {
    std::string archive;
    std::string directory;
    for (const ZipBuilderEntry& entry : entries_) {
      const uint32_t offset = entry.local_offset.value_or(static_cast<uint32_t>(archive.size()));
      archive += "PK\3\4" + Number(20, 2) + CommonFields(entry) + Number(0, 2) + entry.name + entry.data;
      directory += "PK\1\2" + Number(entry.made_by, 2) + Number(20, 2) + CommonFields(entry);
      directory += Number(0, 2) + Number(0, 2) + Number(0, 2) + Number(0, 2);
      directory += Number(entry.external_attributes, 4) + Number(offset, 4) + entry.name;
    }
    const uint64_t directory_offset = archive.size();
    const uint64_t count = claimed_entries_.value_or(static_cast<uint16_t>(entries_.size()));
    archive += directory;
    if (zip64_) {
      const uint64_t end64_offset = archive.size();
      archive += "PK\6\6" + Number(44, 8) + Number(45, 2) + Number(45, 2) + Number(0, 4) + Number(0, 4);
      archive +=
          Number(count, 8) + Number(count, 8) + Number(directory.size(), 8) + Number(directory_offset, 8);
      archive += "PK\6\7" + Number(0, 4) + Number(end64_offset, 8) + Number(1, 4);
      return archive + "PK\5\6" + Number(0, 4) + std::string(12, '\xFF') + Number(0, 2);
    }
    archive += "PK\5\6" + Number(0, 2) + Number(0, 2) + Number(count, 2) + Number(count, 2);
    return archive + Number(directory.size(), 4) + Number(directory_offset, 4) + Number(0, 2);
  }

 private:
  // Little-endian.
  static std::string Number(uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
    return out;
  }

  // From the flags to the length of the name.
  static std::string CommonFields(const ZipBuilderEntry& entry) {
    return Number(entry.flags, 2) + Number(entry.method, 2) + Number(0, 4) +
           Number(entry.crc.value_or(Crc32(entry.data)), 4) + Number(entry.data.size(), 4) +
           Number(entry.uncompressed_size.value_or(static_cast<uint32_t>(entry.data.size())), 4) +
           Number(entry.name.size(), 2);
  }

  std::vector<ZipBuilderEntry> entries_;
  bool zip64_ = false;
  std::optional<uint16_t> claimed_entries_;
};

// A builder that holds what makes a ZIP a TorchScript archive to the registry (not to LibTorch: the pickles
// are empty ones), and the given entries below `extra/`.
inline ZipBuilder TorchScriptZip(const std::map<std::string, std::string>& extra_files,
                                 const std::string& root = "model") {
  ZipBuilder builder;
  for (const auto& [name, content] : extra_files) builder.Add(root + "/extra/" + name, content);
  builder.Add(root + "/data.pkl", "\x80\x02N.")
      .Add(root + "/code/__torch__.py", "")
      .Add(root + "/constants.pkl", "\x80\x02).")
      .Add(root + "/version", "3\n")
      .UseZip64();
  return builder;
}

// The same of an AOTInductor package: with one compiled model, whose library is no library.
inline ZipBuilder PackageZip(const std::map<std::string, std::string>& extra_files,
                             const std::string& root = "m/") {
  ZipBuilder builder;
  builder.Add(root + "data/aotinductor/model/a.wrapper.cpp", "int main() {}")
      .Add(root + "data/aotinductor/model/a.wrapper_metadata.json", R"({"AOTI_DEVICE_KEY": "cpu"})")
      .Add(root + "data/aotinductor/model/a.wrapper.so", "machine code")
      .Add(root + "archive_format", "pt2")
      .Add(root + "archive_version", "0");
  for (const auto& [name, content] : extra_files) builder.Add(root + "extra/" + name, content);
  builder.UseZip64();
  return builder;
}

// The bytes of such an archive with a config.json.
inline std::string TorchScriptArchive(const std::string& config_json, const std::string& root = "model") {
  return TorchScriptZip({{"config.json", config_json}}, root).Build();
}

}  // namespace modeld
