#include "registry/cli/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"

namespace modeld {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string LittleEndian(size_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string NpyWithHeader(const std::string& header, const std::string& data, char major = 1) {
  return absl::StrCat("\x93NUMPY", std::string(1, major), std::string(1, '\0'),
                      LittleEndian(header.size(), major == 1 ? 2 : 4), header, data);
}

std::string Npy(const std::string& descr, const std::string& shape, const std::string& data, char major = 1,
                const std::string& fortran = "False") {
  return NpyWithHeader(absl::StrCat("{'descr': '", descr, "', 'fortran_order': ", fortran,
                                    ", 'shape': ", shape, ", }            \n"),
                       data, major);
}

TEST(NpyTest, EveryDtype) {
  const struct {
    const char* descr;
    const char* dtype;
    size_t size;
  } kCases[] = {{"|b1", "BOOL", 1},      {"|i1", "INT8", 1},        {"<i2", "INT16", 2},
                {"<i4", "INT32", 4},     {"<i8", "INT64", 8},       {"|u1", "UINT8", 1},
                {"<u2", "UINT16", 2},    {"<u4", "UINT32", 4},      {"<u8", "UINT64", 8},
                {"<f2", "FP16", 2},      {"<f4", "FP32", 4},        {"<f8", "FP64", 8},
                {"<c8", "COMPLEX64", 8}, {"<c16", "COMPLEX128", 16}};
  for (const auto& c : kCases) {
    const std::string data(c.size * 6, '\1');
    ASSERT_OK_AND_ASSIGN(const v1::Tensor tensor, ParseNpy(Npy(c.descr, "(2, 3)", data)));
    EXPECT_EQ(tensor.dtype(), c.dtype);
    EXPECT_THAT(tensor.shape(), ElementsAre(2, 3));
    EXPECT_EQ(tensor.raw(), data);
  }
}

TEST(NpyTest, EveryFormatVersion) {
  for (const char major : {1, 2, 3}) {
    EXPECT_OK(ParseNpy(Npy("<f4", "(1,)", "abcd", major)));
  }
}

TEST(NpyTest, Shapes) {
  ASSERT_OK_AND_ASSIGN(const v1::Tensor scalar, ParseNpy(Npy("<f4", "()", "abcd")));
  EXPECT_THAT(scalar.shape(), ElementsAre());
  ASSERT_OK_AND_ASSIGN(const v1::Tensor vector, ParseNpy(Npy("<f4", "(2,)", "abcdefgh")));
  EXPECT_THAT(vector.shape(), ElementsAre(2));
  ASSERT_OK_AND_ASSIGN(const v1::Tensor empty, ParseNpy(Npy("<f4", "(3, 0)", "")));
  EXPECT_THAT(empty.shape(), ElementsAre(3, 0));
}

TEST(NpyTest, RefusesWithTheRemedy) {
  const struct {
    std::string content;
    const char* message;
  } kCases[] = {
      {"", "numpy.save"},
      {"PK\3\4 an .npz file", "numpy.save"},
      {"\x93NUMPY", "numpy.save"},
      {Npy("<f4", "(1,)", "abcd", 4), "format version 4"},
      {std::string("\x93NUMPY\1\0\xff\xff{'descr'", 18), "ends within its header"},
      {std::string("\x93NUMPY\2\0\xff", 9), "ends within its header"},
      {Npy(">f4", "(1,)", "abcd"), "big-endian (>f4); save array.astype('<f4')"},
      {Npy("<f4", "(1, 1)", "abcd", 1, "True"), "numpy.ascontiguousarray"},
      {Npy("|O", "(1,)", "abcd"), "dtype \"|O\" has no counterpart"},
      {Npy("<U3", "(1,)", std::string(12, 'a')), "dtype \"<U3\""},
      {Npy("|f4", "(1,)", "abcd"), "dtype \"|f4\""},
      {Npy("", "(1,)", "abcd"), "dtype \"\""},
      {NpyWithHeader("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "abcd"),
       "has no counterpart"},
      {Npy("<f4", "(2,)", "abcd"), "its shape takes 8 bytes of elements, it holds 4"},
      {Npy("<f4", "(1,)", "abcdefgh"), "takes 4 bytes of elements, it holds 8"},
      {Npy("<f4", "(4611686018427387904, 4)", ""), "overflows"},
      {Npy("<f4", "(-1,)", "abcd"), "cannot be read"},
      {Npy("<f4", "(99999999999999999999,)", "abcd"), "cannot be read"},
      {Npy("<f4", "1", "abcd"), "cannot be read"},
      {NpyWithHeader("{}", "abcd"), "cannot be read"},
      {NpyWithHeader("{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", "abcd"), "cannot be read"},
      {NpyWithHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "abcd"), "cannot be read"},
      {NpyWithHeader("{'descr': '<f4", "abcd"), "cannot be read"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(ParseNpy(c.content), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
}

// Cut anywhere, a file is an error, never a crash or a shorter tensor.
TEST(NpyTest, EveryTruncationIsRefused) {
  const std::string whole = Npy("<f4", "(2, 2)", "0123456789abcdef");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseNpy(whole.substr(0, size)), StatusIs(absl::StatusCode::kInvalidArgument, testing::_))
        << size;
  }
}

}  // namespace
}  // namespace modeld
