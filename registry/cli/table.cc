#include "registry/cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "registry/base/quote.h"

namespace modeld {
namespace {

constexpr char kGap[] = "  ";

// Characters, for text of one column each.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

const char* EscapeOf(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kHeading:
      return "\x1b[1m";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kBusy:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kFaint:
      return "\x1b[2m";
  }
  return "";
}

}  // namespace

std::string Toned(const std::string& text, Tone tone, bool color) {
  if (!color || tone == Tone::kPlain || text.empty()) return text;
  return absl::StrCat(EscapeOf(tone), text, "\x1b[0m");
}

std::string Printable(const std::string& text) { return IsPrintable(text) ? text : Quote(text, text.size()); }

void Table::AddRow(std::vector<Cell> cells) {
  for (Cell& cell : cells) cell.text = Printable(cell.text);
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(bool color) const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < headings_.size(); ++column) {
    size_t width = WidthOf(headings_[column]);
    for (const std::vector<Cell>& row : rows_) width = std::max(width, WidthOf(row[column].text));
    widths.push_back(width);
  }
  std::string out;
  const auto append = [&](const std::vector<Cell>& row) {
    std::string line;
    for (size_t column = 0; column < row.size(); ++column) {
      if (column > 0) line += kGap;
      line += Toned(row[column].text, row[column].tone, color);
      if (column + 1 < row.size()) line.append(widths[column] - WidthOf(row[column].text), ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&out, line, "\n");
  };
  std::vector<Cell> headings;
  for (const std::string& heading : headings_) headings.emplace_back(heading, Tone::kHeading);
  append(headings);
  for (const std::vector<Cell>& row : rows_) append(row);
  return out;
}

}  // namespace modeld
