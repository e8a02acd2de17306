// Table: aligned columns for people. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace modeld {

// What a cell means; shown as a colour where colours are on.
enum class Tone { kPlain, kHeading, kGood, kBusy, kBad, kFaint };

// `text` in the terminal's colour for `tone` if `color`, else as it is.
std::string Toned(const std::string& text, Tone tone, bool color);

// `text` as it is if it is one printable line, else quoted and escaped: it may come from a stranger's file.
std::string Printable(const std::string& text);

struct Cell {
  Cell(std::string text, Tone tone = Tone::kPlain) : text(std::move(text)), tone(tone) {}
  Cell(const char* text) : text(text) {}
  std::string text;
  Tone tone = Tone::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  // As many cells as there are headings.
  void AddRow(std::vector<Cell> cells);
  bool empty() const { return rows_.empty(); }

  // Columns two spaces apart; the last one is not padded. One line a row, each with its end.
  std::string ToString(bool color) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace modeld
