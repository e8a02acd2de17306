#include "registry/zip_appender.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace modeld {
namespace {

// LibTorch's: kFieldAlignment of caffe2/serialize/inline_container.h, and the two letters of its padding.
constexpr uint64_t kAlignment = 64;
constexpr std::string_view kPaddingId = "FB";

constexpr uint64_t kLocalHeaderBytes = 30;
constexpr uint64_t kSee64Bit16 = 0xFFFF;
constexpr uint64_t kSee64Bit32 = 0xFFFFFFFF;
constexpr uint64_t kUtf8Name = 1 << 11;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    table[i] = value;
  }
  return table;
}

uint32_t Crc32(std::string_view data) {
  static constexpr std::array<uint32_t, 256> kTable = MakeCrcTable();
  uint32_t crc = ~0u;
  for (const char c : data) crc = kTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

// Little-endian.
std::string Number(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

// From the flags to the length of the name: alike in both headers.
std::string CommonFields(const std::string& name, const std::string& content) {
  const bool ascii = std::all_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x80; });
  constexpr uint64_t kStored = 0, kDate1980 = 0x21;
  return Number(ascii ? 0 : kUtf8Name, 2) + Number(kStored, 2) + Number(0, 2) + Number(kDate1980, 2) +
         Number(Crc32(content), 4) + Number(content.size(), 4) + Number(content.size(), 4) +
         Number(name.size(), 2);
}

// Extra field of a local header that begins at `offset`, after which the bytes are aligned.
std::string Padding(uint64_t offset, const std::string& name) {
  uint64_t bytes = (kAlignment - (offset + kLocalHeaderBytes + name.size()) % kAlignment) % kAlignment;
  if (bytes == 0) return "";
  if (bytes < 4) bytes += kAlignment;  // a field has a header of 4
  return std::string(kPaddingId) + Number(bytes - 4, 2) + std::string(bytes - 4, 'Z');
}

std::string DirectoryRecord(const std::string& name, const std::string& content, uint64_t offset) {
  const bool far = offset >= kSee64Bit32;
  const std::string extra = far ? Number(1, 2) + Number(8, 2) + Number(offset, 8) : "";
  constexpr uint64_t kMadeByUnix = 3 << 8, kVersion = 20, kVersion64 = 45, kRegularFile = 0100644;
  const uint64_t version = far ? kVersion64 : kVersion;
  return "PK\1\2" + Number(kMadeByUnix | version, 2) + Number(version, 2) + CommonFields(name, content) +
         Number(extra.size(), 2) + Number(0, 2) + Number(0, 2) + Number(0, 2) +
         Number(kRegularFile << 16, 4) + Number(far ? kSee64Bit32 : offset, 4) + name + extra;
}

std::string EndRecords(uint64_t entries, uint64_t directory_offset, uint64_t directory_bytes) {
  constexpr uint64_t kRecord64Bytes = 44, kVersion64 = 45;
  std::string out = "PK\6\6" + Number(kRecord64Bytes, 8) + Number(kVersion64, 2) + Number(kVersion64, 2) +
                    Number(0, 4) + Number(0, 4) + Number(entries, 8) + Number(entries, 8) +
                    Number(directory_bytes, 8) + Number(directory_offset, 8);
  out += "PK\6\7" + Number(0, 4) + Number(directory_offset + directory_bytes, 8) + Number(1, 4);
  const uint64_t entries16 = std::min(entries, kSee64Bit16);
  out += "PK\5\6" + Number(0, 2) + Number(0, 2) + Number(entries16, 2) + Number(entries16, 2) +
         Number(std::min(directory_bytes, kSee64Bit32), 4) +
         Number(std::min(directory_offset, kSee64Bit32), 4) + Number(0, 2);
  return out;
}

}  // namespace

ZipTail AppendZipEntry(const ZipDirectory& directory, const std::string& name, const std::string& content) {
  ZipTail tail{.kept_bytes = directory.offset, .bytes = ""};
  for (const ZipEntry& old : directory.entries) {
    if (old.name != name) continue;
    const bool last = std::all_of(
        directory.entries.begin(), directory.entries.end(),
        [&](const ZipEntry& entry) { return entry.name == name || entry.local_offset < old.local_offset; });
    if (last) tail.kept_bytes = old.local_offset;
  }

  const uint64_t offset = tail.kept_bytes;
  const std::string padding = Padding(offset, name);
  tail.bytes = "PK\3\4" + Number(20, 2) + CommonFields(name, content) + Number(padding.size(), 2) + name +
               padding + content;

  const uint64_t directory_offset = offset + tail.bytes.size();
  const std::string record = DirectoryRecord(name, content, offset);
  std::string records;
  uint64_t count = 0;
  bool placed = false;
  for (const ZipEntry& entry : directory.entries) {
    const bool replaced = entry.name == name;
    records += replaced ? record : directory.bytes.substr(entry.record_offset, entry.record_bytes);
    placed = placed || replaced;
    ++count;
  }
  if (!placed) {
    records += record;
    ++count;
  }
  tail.bytes += records + EndRecords(count, directory_offset, records.size());
  return tail;
}

}  // namespace modeld
