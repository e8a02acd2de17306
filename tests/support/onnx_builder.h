// OnnxBuilder: ONNX files field by field, honest and otherwise, for tests. Needs no library but protobuf.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace modeld {

// A protobuf message.
class WireBuilder {
 public:
  WireBuilder& Varint(uint32_t number, uint64_t value) {
    return Append([&](auto& out) {
      out.WriteTag(number << 3);
      out.WriteVarint64(value);
    });
  }
  WireBuilder& Fixed32(uint32_t number, uint32_t value) {
    return Append([&](auto& out) {
      out.WriteTag(number << 3 | 5);
      out.WriteLittleEndian32(value);
    });
  }
  WireBuilder& Fixed64(uint32_t number, uint64_t value) {
    return Append([&](auto& out) {
      out.WriteTag(number << 3 | 1);
      out.WriteLittleEndian64(value);
    });
  }
  // A string, bytes, or a message.
  WireBuilder& Bytes(uint32_t number, std::string_view content) {
    return Claim(number, content.size()).Raw(content);
  }
  // The beginning of such a field, of a length that may be a lie.
  WireBuilder& Claim(uint32_t number, uint64_t length) {
    return Append([&](auto& out) {
      out.WriteTag(number << 3 | 2);
      out.WriteVarint64(length);
    });
  }
  WireBuilder& Raw(std::string_view content) {
    bytes_.append(content);
    return *this;
  }

  const std::string& bytes() const { return bytes_; }
  operator std::string_view() const { return bytes_; }  // NOLINT: it is one

 private:
  template <typename Write>
  WireBuilder& Append(const Write& write) {
    google::protobuf::io::StringOutputStream stream(&bytes_);
    google::protobuf::io::CodedOutputStream out(&stream);
    write(out);
    return *this;
  }

  std::string bytes_;
};

// A TensorProto of floats.
inline WireBuilder OnnxTensor(std::string_view name, std::string_view raw_data = "12345678") {
  return WireBuilder().Varint(1, raw_data.size() / 4).Varint(2, 1).Bytes(8, name).Bytes(9, raw_data);
}

// A TensorProto whose elements lie in another file.
inline WireBuilder ExternalOnnxTensor(std::string_view name, std::string_view location = "/etc/passwd") {
  return WireBuilder()
      .Varint(2, 1)
      .Bytes(8, name)
      .Bytes(13, WireBuilder().Bytes(1, "location").Bytes(2, location))
      .Varint(14, 1);
}

// A NodeProto with this AttributeProto.
inline WireBuilder OnnxNode(std::string_view attribute) {
  return WireBuilder().Bytes(1, "x").Bytes(2, "y").Bytes(4, "Identity").Bytes(5, attribute);
}

// A GraphProto: one node that adds a weight.
inline WireBuilder OnnxGraph() {
  const WireBuilder type = WireBuilder().Bytes(1, WireBuilder().Varint(1, 1));
  return WireBuilder()
      .Bytes(1, WireBuilder().Bytes(1, "x").Bytes(1, "w").Bytes(2, "y").Bytes(4, "Add"))
      .Bytes(2, "graph")
      .Bytes(5, OnnxTensor("w"))
      .Bytes(11, WireBuilder().Bytes(1, "x").Bytes(2, type))
      .Bytes(12, WireBuilder().Bytes(1, "y").Bytes(2, type));
}

// An entry of metadata_props.
inline WireBuilder OnnxProperty(std::string_view key, std::string_view value) {
  return WireBuilder().Bytes(1, key).Bytes(2, value);
}

// A ModelProto of this graph, up to its operator sets.
inline WireBuilder OnnxModel(std::string_view graph) {
  return WireBuilder().Varint(1, 8).Bytes(2, "test").Bytes(7, graph).Bytes(
      8, WireBuilder().Bytes(1, "").Varint(2, 17));
}

// The bytes of an ONNX file with these metadata properties.
inline std::string OnnxFile(const std::map<std::string, std::string>& properties = {}) {
  WireBuilder model = OnnxModel(OnnxGraph());
  for (const auto& [key, value] : properties) model.Bytes(14, OnnxProperty(key, value));
  return model.bytes();
}

// The same, with a config.
inline std::string OnnxFileWithConfig(const std::string& config_json) {
  return OnnxFile({{"modeld.config", config_json}});
}

}  // namespace modeld
