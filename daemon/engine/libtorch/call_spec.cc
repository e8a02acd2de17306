#include "daemon/engine/libtorch/call_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace modeld {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 50;
constexpr char kTuple[] = "builtins.tuple", kList[] = "builtins.list", kDict[] = "builtins.dict";
constexpr char kOrderedDict[] = "collections.OrderedDict";

Json Parse(std::string_view text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); }

// One node of a spec, or nothing.
struct Node {
  std::string type;  // empty: a leaf
  std::string context;
  std::vector<Json> children;
};

std::optional<Node> NodeOf(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto type = json.find("type"), context = json.find("context"), children = json.find("children_spec");
  if (type == json.end() || children == json.end() || !children->is_array()) return std::nullopt;
  Node node;
  if (type->is_string()) node.type = type->get<std::string>();
  if (context != json.end() && context->is_string()) node.context = context->get<std::string>();
  node.children.assign(children->begin(), children->end());
  return node;
}

std::optional<Json> Root(std::string_view spec) {
  Json json = Parse(spec);
  if (!json.is_array() || json.size() != 2 || json[0] != 1) return std::nullopt;
  return json[1];
}

// A dictionary's keys are its context; those of others than strings have no names.
std::optional<std::vector<std::string>> KeysOf(const Node& node) {
  const Json keys = Parse(node.context);
  if (!keys.is_array() || keys.size() != node.children.size()) return std::nullopt;
  std::vector<std::string> names;
  for (const Json& key : keys) {
    if (!key.is_string()) return std::nullopt;
    names.push_back(key.get<std::string>());
  }
  return names;
}

std::optional<size_t> CountLeaves(const Json& json, int depth = 0) {
  const std::optional<Node> node = NodeOf(json);
  if (!node || depth > kMaxDepth) return std::nullopt;
  if (node->type.empty()) return 1;
  size_t count = 0;
  for (const Json& child : node->children) {
    const std::optional<size_t> leaves = CountLeaves(child, depth + 1);
    if (!leaves) return std::nullopt;
    count += *leaves;
  }
  return count;
}

std::optional<ResultTree> TreeOf(const Json& json) {
  const std::optional<Node> node = NodeOf(json);
  if (!node) return std::nullopt;
  ResultTree tree;
  if (node->type.empty()) return tree;
  if (node->type == kTuple) {
    tree.kind = ResultTree::Kind::kTuple;
  } else if (node->type == kList) {
    tree.kind = ResultTree::Kind::kList;
  } else if (node->type == kDict || node->type == kOrderedDict) {
    std::optional<std::vector<std::string>> keys = KeysOf(*node);
    if (!keys) return std::nullopt;
    tree.kind = ResultTree::Kind::kDict;
    tree.keys = *std::move(keys);
  } else {
    return std::nullopt;
  }
  for (const Json& child : node->children) {
    std::optional<ResultTree> subtree = TreeOf(child);
    if (!subtree) return std::nullopt;
    tree.children.push_back(*std::move(subtree));
  }
  return tree;
}

bool IsLeaf(const ResultTree& tree) { return tree.kind == ResultTree::Kind::kLeaf; }

Type Of(Type::Kind kind, std::vector<Type> params = {}) { return Type{kind, std::move(params), {}, {}}; }

// The type of all, where they are alike.
Type CommonType(const std::vector<ResultTree>& trees) {
  return std::all_of(trees.begin(), trees.end(), IsLeaf) ? Of(Type::Kind::kTensor) : Of(Type::Kind::kAny);
}

Value Build(const ResultTree& tree, std::vector<Value>::iterator& leaf) {
  if (IsLeaf(tree)) return std::move(*leaf++);
  std::vector<Value> items;
  items.reserve(tree.children.size());
  for (const ResultTree& child : tree.children) items.push_back(Build(child, leaf));
  if (tree.kind == ResultTree::Kind::kTuple) return Value{Tuple{std::move(items), {}}};
  if (tree.kind == ResultTree::Kind::kList) return Value{List{std::move(items)}};
  Dict dict;
  for (size_t i = 0; i < items.size(); ++i) {
    dict.entries.emplace_back(Value{tree.keys[i]}, std::move(items[i]));
  }
  return Value{std::move(dict)};
}

}  // namespace

std::optional<std::vector<std::string>> ArgumentNames(std::string_view in_spec) {
  const std::optional<Json> root = Root(in_spec);
  const std::optional<Node> call = root ? NodeOf(*root) : std::nullopt;
  if (!call || call->children.size() != 2) return std::nullopt;
  const std::optional<size_t> positional = CountLeaves(call->children[0]);
  const std::optional<Node> keywords = NodeOf(call->children[1]);
  if (!positional || !keywords) return std::nullopt;
  const std::optional<std::vector<std::string>> keys = KeysOf(*keywords);
  if (!keys) return std::nullopt;
  std::vector<std::string> names(*positional);
  for (size_t i = 0; i < keys->size(); ++i) {
    const std::optional<size_t> leaves = CountLeaves(keywords->children[i], 1);
    if (!leaves) return std::nullopt;
    // What holds several tensors gives its name to none.
    names.insert(names.end(), *leaves, *leaves == 1 ? (*keys)[i] : "");
  }
  return names;
}

ResultTree ResultTreeOf(std::string_view out_spec, size_t leaves) {
  const std::optional<Json> root = Root(out_spec);
  // Counted first, which looks at the depth.
  if (root && CountLeaves(*root) == leaves) {
    if (std::optional<ResultTree> tree = TreeOf(*root)) return *std::move(tree);
  }
  ResultTree flat;
  if (leaves == 1) return flat;
  flat.kind = ResultTree::Kind::kTuple;
  flat.children.resize(leaves);
  return flat;
}

Type ResultType(const ResultTree& tree) {
  switch (tree.kind) {
    case ResultTree::Kind::kLeaf:
      return Of(Type::Kind::kTensor);
    case ResultTree::Kind::kList:
      return Of(Type::Kind::kList, {CommonType(tree.children)});
    case ResultTree::Kind::kDict:
      return Of(Type::Kind::kDict, {Of(Type::Kind::kString), CommonType(tree.children)});
    case ResultTree::Kind::kTuple:
      break;
  }
  Type tuple = Of(Type::Kind::kTuple);
  for (const ResultTree& child : tree.children) tuple.params.push_back(ResultType(child));
  return tuple;
}

Value BuildResult(const ResultTree& tree, std::vector<Value> leaves) {
  auto leaf = leaves.begin();
  return Build(tree, leaf);
}

}  // namespace modeld
