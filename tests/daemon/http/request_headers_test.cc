#include "daemon/http/request_headers.h"

#include <gmock/gmock.h>

#include <string>
#include <tuple>
#include <vector>

namespace modeld {
namespace {

using testing::HasSubstr;

TEST(RequestHeadersTest, BodiesWhoseEndIsKnownAreTaken) {
  for (const httplib::Headers& headers :
       std::vector<httplib::Headers>{{},
                                     {{"Content-Length", "0"}},
                                     {{"content-length", "66"}, {"Content-Type", "application/json"}},
                                     {{"Transfer-Encoding", "Chunked"}, {"Content-Encoding", "gzip"}},
                                     {{"Content-Encoding", "identity"}, {"X-Any!", "\xc3\xa4"}}}) {
    EXPECT_FALSE(RefusalOfHeaders(headers).has_value());
  }
}

TEST(RequestHeadersTest, WhatWouldBeGuessedIsRefused) {
  for (const auto& [headers, status, message] : std::vector<std::tuple<httplib::Headers, int, std::string>>{
           {{{"Content-Length", "abc"}}, 400, "Content-Length is \"abc\"; expected how many bytes"},
           {{{"Content-Length", ""}}, 400, "Content-Length is \"\""},
           {{{"Content-Length", "66abc"}}, 400, "66abc"},
           {{{"Content-Length", "0x34"}}, 400, "0x34"},
           {{{"Content-Length", "+66"}}, 400, "+66"},
           {{{"Content-Length", "-1"}}, 400, "-1"},
           {{{"Content-Length", "66, 66"}}, 400, "66, 66"},
           {{{"Content-Length", "18446744073709551682"}}, 400, "18446744073709551682"},
           {{{"Content-Length", "0"}, {"Content-Length", "51"}}, 400, "more than once"},
           {{{"Content-Length ", "51"}}, 400, "a header is named \"Content-Length \""},
           {{{"", "51"}}, 400, "a header is named \"\""},
           {{{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}, 400, "exclude each other"},
           {{{"Transfer-Encoding", "gzip, chunked"}}, 501, "gzip, chunked"},
           {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, 501, "expected chunked"},
           {{{"Content-Encoding", "zstd"}}, 415, "Content-Encoding is \"zstd\""},
           {{{"Content-Encoding", "gzip"}, {"Content-Encoding", "br"}}, 415, "expected gzip"},
           {{{"Content-Type", "multipart/form-data; boundary=x"}}, 415, "as the whole body"}}) {
    const std::optional<HttpRefusal> refusal = RefusalOfHeaders(headers);
    ASSERT_TRUE(refusal.has_value()) << message;
    EXPECT_EQ(refusal->http_status, status) << message;
    EXPECT_THAT(std::string(refusal->why.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace modeld
