#include "random_program.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"

namespace modeld {
namespace {

using Dims = std::vector<int64_t>;

// Sizes that differ from call to call: of the first and of the second free dimension of the inputs, and what
// is made of these.
constexpr int64_t kFirst = -1, kSecond = -2, kSome = 0;
constexpr size_t kLeastOperators = 10, kMostOperators = 25;

struct Variable {
  std::string name;
  char dtype = 'F';  // float32, L int64, B bool
  Dims dims;
  bool is_input = false;
};

struct InputForm {
  char dtype;
  Dims dims;
};

const std::vector<InputForm>& InputForms() {
  static const auto* const forms = new std::vector<InputForm>{
      {'F', {kFirst, 4}},          {'F', {kFirst, 6}},
      {'F', {kFirst, kSecond, 4}}, {'F', {kFirst, 3, 4}},
      {'F', {kFirst, 4, 6, 6}},    {'F', {4}},
      {'F', {kFirst, 1, 4}},       {'F', {6, 4}},
      {'F', {kFirst, 2, 4, 4}},    {'F', {kFirst, 1}},
      {'F', {kFirst, kSecond}},    {'L', {kFirst, 4}},
      {'L', {kFirst, kSecond}},    {'B', {kFirst, 4}},
      {'B', {kFirst, kSecond, 1}}, {'L', {kFirst}},
      {'F', {kFirst, kSecond, 6}}, {'F', {kFirst, 4, 8}},
  };
  return *forms;
}

int64_t ElementsIn(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t size : dims) count *= size;
  return count;
}

bool IsFixed(int64_t size) { return size > 0; }
bool AreKnown(const Dims& dims) { return std::find(dims.begin(), dims.end(), kSome) == dims.end(); }

std::optional<Dims> Broadcast(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    if (x == kSome || y == kSome) return std::nullopt;
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

std::string ListText(const Dims& dims) { return absl::StrCat("[", absl::StrJoin(dims, ", "), "]"); }

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  RandomProgram Make() {
    MakeInputs();
    mutates_ = OneIn(4);
    const size_t operators = kLeastOperators + Below(kMostOperators - kLeastOperators + 1);
    // Most forms fit to some variable only.
    for (size_t attempt = 0; attempt < 20 * operators && program_.statements.size() < operators; ++attempt)
      AddStatement();
    program_.returned = Returned();
    return std::move(program_);
  }

 private:
  using Form = void (Maker::*)();

  // Random choices.
  size_t Below(size_t count) { return random_() % count; }
  bool OneIn(size_t count) { return Below(count) == 0; }
  template <typename T>
  T Any(std::initializer_list<T> items) {
    return items.begin()[Below(items.size())];
  }

  // The later ones more often, so that operators follow upon each other.
  const Variable* Pick(const std::function<bool(const Variable&)>& fits) {
    std::vector<const Variable*> found;
    for (const Variable& each : variables_) {
      if (fits(each)) found.push_back(&each);
    }
    if (found.empty()) return nullptr;
    return found[found.size() - 1 - std::min(Below(found.size()), Below(found.size()))];
  }
  const Variable* PickFloat(size_t least_rank = 0, size_t most_rank = 4) {
    return Pick([=](const Variable& each) {
      return each.dtype == 'F' && each.dims.size() >= least_rank && each.dims.size() <= most_rank &&
             AreKnown(each.dims);
    });
  }
  const Variable* PickLike(const Variable& like) {
    return Pick([&](const Variable& each) { return each.dtype == like.dtype && each.dims == like.dims; });
  }
  const Variable* PickBroadcastable(const Variable& with, char dtype) {
    return Pick([&](const Variable& each) {
      return each.dtype == dtype && AreKnown(each.dims) && Broadcast(each.dims, with.dims).has_value();
    });
  }

  std::string NewName() { return absl::StrCat("v", names_++); }
  void Statement(const std::string& text, Variable made) {
    program_.statements.push_back(text);
    program_.last_of.push_back(made.name);
    variables_.push_back(std::move(made));
  }
  void Add(const std::string& expression, char dtype, Dims dims) {
    if (dims.size() > 5) return;
    const std::string name = NewName();
    Statement(absl::StrCat(name, " = ", expression), {.name = name, .dtype = dtype, .dims = std::move(dims)});
  }
  // A constant tensor of sines, which have no symmetry. Some of them are the same.
  std::string Weight(const Dims& dims) {
    return absl::StrCat("torch.sin(torch.arange(0.0, ", ElementsIn(dims), ".0)).view(", ListText(dims), ")");
  }
  int64_t AxisText(int64_t axis, const Dims& dims) {
    return OneIn(2) ? axis : axis - static_cast<int64_t>(dims.size());
  }

  void MakeInputs() {
    const size_t count = 1 + Below(3);
    for (size_t i = 0; i < count; ++i) {
      InputForm form = InputForms()[Below(InputForms().size())];
      if (i == 0) {
        while (form.dtype != 'F') form = InputForms()[Below(InputForms().size())];
      }
      const std::string name(1, static_cast<char>('x' + i));
      variables_.push_back({.name = name, .dtype = form.dtype, .dims = form.dims, .is_input = true});
      KnownInput input{.name = name, .dtype = DType::kFp32, .shape = form.dims, .always = true};
      std::replace(input.shape.begin(), input.shape.end(), kSecond, int64_t{-1});
      if (form.dtype == 'L') input.dtype = DType::kInt64;
      if (form.dtype == 'B') input.dtype = DType::kBool;
      program_.inputs.push_back(std::move(input));
      program_.dims.push_back(form.dims);
    }
  }

  void AddStatement() {
    static constexpr Form kForms[] = {
        &Maker::Unary,        &Maker::Unary,     &Maker::Unary,     &Maker::Scalar,   &Maker::Scalar,
        &Maker::Binary,       &Maker::Binary,    &Maker::Binary,    &Maker::Compare,  &Maker::Compare,
        &Maker::Logic,        &Maker::Where,     &Maker::Where,     &Maker::Reduce,   &Maker::Reduce,
        &Maker::Softmax,      &Maker::Linear,    &Maker::Linear,    &Maker::Product,  &Maker::Product,
        &Maker::Attention,    &Maker::Normalize, &Maker::Normalize, &Maker::Convolve, &Maker::Convolve,
        &Maker::Pool,         &Maker::Transpose, &Maker::Transpose, &Maker::Reshape,  &Maker::Reshape,
        &Maker::Unsqueeze,    &Maker::Slice,     &Maker::Slice,     &Maker::Select,   &Maker::Chunk,
        &Maker::Join,         &Maker::Join,      &Maker::Expand,    &Maker::Pad,      &Maker::Embed,
        &Maker::Embed,        &Maker::ToFloat,   &Maker::Branch,    &Maker::Branch,   &Maker::Loop,
        &Maker::AppendToList, &Maker::NewTensor, &Maker::Assert,    &Maker::Recur,    &Maker::Layout};
    static constexpr Form kMutating[] = {&Maker::InPlace, &Maker::WriteView, &Maker::WriteElement};
    if (mutates_ && OneIn(6)) return (this->*kMutating[Below(std::size(kMutating))])();
    (this->*kForms[Below(std::size(kForms))])();
  }

  std::string UnaryOf(const std::string& name) {
    static constexpr const char* kTemplates[] = {
        "torch.abs($0)",
        "torch.cos($0)",
        "torch.elu($0, 0.7)",
        "torch.erf($0)",
        "torch.exp(torch.clamp($0, -5, 3))",
        "torch.gelu($0)",
        "torch.gelu($0, approximate=\"tanh\")",
        "torch.hardsigmoid($0)",
        "torch.hardswish($0)",
        "torch.hardtanh($0, -0.5, 0.75)",
        "torch.leaky_relu($0, 0.2)",
        "torch.mish($0)",
        "-$0",
        "torch.relu($0)",
        "torch.relu6($0)",
        "torch.sigmoid($0)",
        "torch.silu($0)",
        "torch.sin($0)",
        "torch.softplus($0)",
        "torch.square(torch.tanh($0))",
        "torch.tanh($0)",
        "torch.clamp($0, -1, 2)",
        "torch.clamp_min($0, -0.5)",
        "torch.clamp($0, max=0.25)",
        "$0.clone()",
        "$0.contiguous()",
        "torch.prelu($0, torch.tensor([0.25]))",
        "$0.to(6)",
    };
    return absl::Substitute(kTemplates[Below(std::size(kTemplates))], name);
  }
  void Unary() {
    const Variable* const a =
        Pick([](const Variable& each) { return each.dtype == 'F' && !each.dims.empty(); });
    if (a != nullptr) Add(UnaryOf(a->name), 'F', a->dims);
  }
  void Scalar() {
    static constexpr const char* kTemplates[] = {"$0 * 0.3",
                                                 "$0 + 1.25",
                                                 "1 - $0",
                                                 "$0 / 3",
                                                 "torch.tanh($0) ** 2",
                                                 "torch.tanh($0) ** 3",
                                                 "torch.rsub($0, 2.5, 0.5)",
                                                 "torch.add($0, 3, alpha=2)",
                                                 "$0 - 0.5",
                                                 "$0 * torch.tensor(0.1, dtype=7)",
                                                 "$0 + torch.tensor(3)",
                                                 "$0 / torch.tensor(4.0)"};
    const Variable* const a = Pick([](const Variable& each) { return each.dtype == 'F'; });
    if (a != nullptr) Add(absl::Substitute(kTemplates[Below(std::size(kTemplates))], a->name), 'F', a->dims);
  }
  void Binary() {
    static constexpr const char* kTemplates[] = {"$0 + $1",
                                                 "$0 - $1",
                                                 "torch.tanh($0) * $1",
                                                 "torch.maximum($0, $1)",
                                                 "torch.minimum($0, $1)",
                                                 "torch.add($0, $1, alpha=0.5)",
                                                 "torch.sub($0, $1, alpha=2)"};
    const Variable* const a = PickFloat();
    if (a == nullptr) return;
    const Variable* const b = PickBroadcastable(*a, 'F');
    Add(absl::Substitute(kTemplates[Below(std::size(kTemplates))], a->name, b->name), 'F',
        *Broadcast(a->dims, b->dims));
  }
  void Compare() {
    const Variable* const a =
        Pick([](const Variable& each) { return each.dtype != 'B' && AreKnown(each.dims); });
    const char* const sign = Any({">", "<", ">=", "<=", "==", "!="});
    if (OneIn(2))
      return Add(absl::StrCat(a->name, " ", sign, a->dtype == 'F' ? " 0.25" : " 2"), 'B', a->dims);
    const Variable* const b = PickBroadcastable(*a, a->dtype);
    // What rounds up to the other one, as mish(a) does to a, is no question of who computes right.
    Add(absl::StrCat(a->name, " ", sign, " ", b->name, a->dtype == 'F' ? " + 0.123" : ""), 'B',
        *Broadcast(a->dims, b->dims));
  }
  void Logic() {
    const Variable* const a =
        Pick([](const Variable& each) { return each.dtype == 'B' && AreKnown(each.dims); });
    if (a == nullptr) return;
    if (OneIn(3)) {
      return Add(OneIn(2) ? absl::StrCat("~", a->name) : absl::StrCat("torch.logical_not(", a->name, ")"),
                 'B', a->dims);
    }
    const Variable* const b = PickBroadcastable(*a, 'B');
    Add(absl::StrCat("torch.logical_", Any({"and", "or"}), "(", a->name, ", ", b->name, ")"), 'B',
        *Broadcast(a->dims, b->dims));
  }
  void Where() {
    const Variable* const a = PickFloat();
    const Variable* const mask = a == nullptr ? nullptr : PickBroadcastable(*a, 'B');
    if (mask == nullptr) return;
    const Dims dims = *Broadcast(a->dims, mask->dims);
    if (OneIn(3) && dims == a->dims) {
      return Add(absl::StrCat(a->name, ".masked_fill(", mask->name, ", -1.5)"), 'F', dims);
    }
    const Variable* const b = PickBroadcastable({.name = "", .dtype = 'F', .dims = dims}, 'F');
    if (b == nullptr) return;
    Add(absl::StrCat("torch.where(", mask->name, ", ", a->name, ", ", b->name, ")"), 'F',
        *Broadcast(dims, b->dims));
  }
  void Reduce() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr) return;
    if (OneIn(5)) return Add(absl::StrCat("torch.", Any({"mean", "sum"}), "(", a->name, ")"), 'F', {});
    const auto axis = static_cast<int64_t>(Below(a->dims.size()));
    const bool keeps = OneIn(2);
    Dims dims = a->dims;
    if (keeps)
      dims[static_cast<size_t>(axis)] = 1;
    else
      dims.erase(dims.begin() + axis);
    Add(absl::StrCat("torch.", Any({"mean", "sum", "amax", "amin"}), "(", a->name, ", [",
                     AxisText(axis, a->dims), "]", keeps ? ", keepdim=True)" : ")"),
        'F', dims);
  }
  void Softmax() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr) return;
    const auto axis = static_cast<int64_t>(Below(a->dims.size()));
    Add(absl::StrCat("torch.", Any({"softmax", "softmax", "log_softmax"}), "(", a->name, ", ",
                     AxisText(axis, a->dims), ")"),
        'F', a->dims);
  }
  void Linear() {
    const Variable* const a = Pick([](const Variable& each) {
      return each.dtype == 'F' && !each.dims.empty() && IsFixed(each.dims.back()) && AreKnown(each.dims);
    });
    if (a == nullptr) return;
    const int64_t in = a->dims.back(), out = Any<int64_t>({1, 3, 4, 4, 6});
    Dims dims = a->dims;
    dims.back() = out;
    if (OneIn(3)) return Add(absl::StrCat("torch.matmul(", a->name, ", ", Weight({in, out}), ")"), 'F', dims);
    if (dims.size() == 2 && OneIn(3)) {
      return Add(absl::StrCat("torch.addmm(", Weight({out}), ", ", a->name, ", ", Weight({in, out}), ")"),
                 'F', dims);
    }
    const std::string bias = OneIn(2) ? absl::StrCat(", ", Weight({out})) : "";
    Add(absl::StrCat("torch.linear(", a->name, ", ", Weight({out, in}), bias, ")"), 'F', dims);
  }
  void Product() {
    const Variable* const a = PickFloat(2, 4);
    if (a == nullptr) return;
    const Variable* const b = PickLike(*a);
    Dims dims = a->dims;
    dims[dims.size() - 1] = dims[dims.size() - 2];
    const char* const name = dims.size() == 3 && OneIn(2)   ? "bmm"
                             : dims.size() == 2 && OneIn(2) ? "mm"
                                                            : "matmul";
    Add(absl::StrCat("torch.", name, "(", a->name, ", ", b->name, ".transpose(-1, -2)) * 0.2"), 'F', dims);
  }
  void Attention() {
    const Variable* const a = PickFloat(3, 4);
    if (a == nullptr || a->dims.back() == 1) return;
    const Variable *const b = PickLike(*a), *const c = PickLike(*a);
    Add(absl::StrCat("torch.scaled_dot_product_attention(", a->name, ", ", b->name, ", ", c->name,
                     ", None, 0.0, ", OneIn(2) ? "True" : "False", OneIn(2) ? ", scale=0.3)" : ")"),
        'F', a->dims);
  }
  void Normalize() {
    const Variable* const a = PickFloat(2);
    if (a == nullptr) return;
    if (OneIn(2)) {
      const int64_t size = a->dims.back();
      if (!IsFixed(size) || size < 3) return;
      const std::string weight =
          OneIn(2) ? absl::StrCat(", ", Weight({size}), ", ", Weight({size})) : ", None, None";
      return Add(absl::StrCat("torch.layer_norm(", a->name, ", [", size, "]", weight, ", 1e-3)"), 'F',
                 a->dims);
    }
    const int64_t channels = a->dims[1];
    if (!IsFixed(channels)) return;
    if (channels % 2 == 0 && a->dims.size() > 2 && OneIn(2)) {
      return Add(absl::StrCat("torch.group_norm(", a->name, ", 2, ", Weight({channels}), ", None, 1e-3)"),
                 'F', a->dims);
    }
    if (a->dims.size() > 5) return;
    Add(absl::StrCat("torch.batch_norm(", a->name, ", ", Weight({channels}), ", None, ", Weight({channels}),
                     ", ", Weight({channels}), " + 1.5, False, 0.1, 1e-3, True)"),
        'F', a->dims);
  }
  void Convolve() {
    const Variable* const a = PickFloat(3, 4);
    if (a == nullptr || !IsFixed(a->dims[1])) return;
    const int64_t in = a->dims[1], out = Any<int64_t>({2, 4, 6});
    Dims dims = a->dims;
    dims[1] = out;
    if (dims.size() == 3) {
      return Add(absl::StrCat("torch.conv1d(", a->name, ", ", Weight({out, in, 3}), ", ",
                              OneIn(2) ? "None" : Weight({out}), ", 1, 1)"),
                 'F', dims);
    }
    if (OneIn(3)) {
      return Add(
          absl::StrCat("torch.conv2d(", a->name, ", ", Weight({out, in, 1, 1}), ", ", Weight({out}), ")"),
          'F', dims);
    }
    if (OneIn(3)) {
      dims[1] = in;
      return Add(absl::StrCat("torch.conv2d(", a->name, ", ", Weight({in, 1, 3, 3}),
                              ", None, [1, 1], [1, 1], [1, 1], ", in, ")"),
                 'F', dims);
    }
    Add(absl::StrCat("torch.conv2d(", a->name, ", ", Weight({out, in, 3, 3}), ", None, [1, 1], [1, 1])"), 'F',
        dims);
  }
  void Pool() {
    const Variable* const a = PickFloat(4, 4);
    if (a == nullptr || !IsFixed(a->dims[2]) || !IsFixed(a->dims[3]) || a->dims[2] < 4 || a->dims[3] < 4)
      return;
    Dims dims = a->dims;
    if (OneIn(3)) {
      dims[2] = dims[3] = 2;
      return Add(absl::StrCat("torch.adaptive_avg_pool2d(", a->name, ", [2, 2])"), 'F', dims);
    }
    if (OneIn(3)) {
      dims[2] *= 2;
      dims[3] *= 2;
      return Add(OneIn(2) ? absl::StrCat("torch.upsample_nearest2d(", a->name, ", None, [2.0, 2.0])")
                          : absl::StrCat("torch.upsample_bilinear2d(", a->name, ", None, False, [2.0, 2.0])"),
                 'F', dims);
    }
    if (OneIn(3) && IsFixed(dims[1]) && dims[1] % 4 == 0) {
      dims[1] /= 4;
      dims[2] *= 2;
      dims[3] *= 2;
      return Add(absl::StrCat("torch.pixel_shuffle(", a->name, ", 2)"), 'F', dims);
    }
    dims[2] = dims[2] / 2;
    dims[3] = dims[3] / 2;
    Add(absl::StrCat("torch.", Any({"max", "avg"}), "_pool2d(", a->name, ", [2, 2], [2, 2])"), 'F', dims);
  }
  void Transpose() {
    const Variable* const a = Pick([](const Variable& each) { return each.dims.size() >= 2; });
    if (a == nullptr) return;
    const size_t i = Below(a->dims.size()), j = Below(a->dims.size());
    Dims dims = a->dims;
    if (dims.size() == 3 && OneIn(3)) {
      dims = {a->dims[2], a->dims[0], a->dims[1]};
      return Add(absl::StrCat(a->name, ".permute(2, 0, 1)"), a->dtype, dims);
    }
    std::swap(dims[i], dims[j]);
    Add(absl::StrCat(a->name, ".transpose(", i, ", ", AxisText(static_cast<int64_t>(j), dims), ")"), a->dtype,
        dims);
  }
  void Reshape() {
    const Variable* const a =
        Pick([](const Variable& each) { return each.dims.size() >= 2 && AreKnown(each.dims); });
    if (a == nullptr) return;
    const Dims& dims = a->dims;
    const char* const name = Any({"reshape", "reshape", "view"});
    switch (Below(4)) {
      case 0: {
        const Dims rest(dims.begin() + 1, dims.end());
        const bool is_fixed = std::all_of(rest.begin(), rest.end(), IsFixed);
        return Add(absl::Substitute("$0.$1($0.size(0), -1)", a->name, name), a->dtype,
                   {dims[0], is_fixed ? ElementsIn(rest) : kSome});
      }
      case 1:
        return Add(absl::StrCat("torch.flatten(", a->name, ", 0, 1)"), a->dtype, Merged(dims));
      case 2:
        if (!IsFixed(dims.back()) || dims.back() % 2 != 0) return;
        return Add(absl::StrCat(a->name, ".", name, "(", SizesOf(*a), ", ", dims.back() / 2, ", 2)"),
                   a->dtype, Split(dims));
      default: {
        Dims swapped = dims;
        std::swap(swapped[0], swapped[1]);
        return Add(absl::Substitute("$0.$1($0.size(1), $0.size(0)$2)", a->name, name, RestOf(*a)), a->dtype,
                   swapped);
      }
    }
  }
  static Dims Merged(const Dims& dims) {
    Dims merged(dims.begin() + 1, dims.end());
    merged[0] = dims[0] == 1                           ? dims[1]
                : dims[1] == 1                         ? dims[0]
                : IsFixed(dims[0]) && IsFixed(dims[1]) ? dims[0] * dims[1]
                                                       : kSome;
    return merged;
  }
  static Dims Split(Dims dims) {
    dims.back() /= 2;
    dims.push_back(2);
    return dims;
  }
  // "a.size(0), 3" of all dimensions but the last.
  static std::string SizesOf(const Variable& a) {
    std::vector<std::string> sizes;
    for (size_t i = 0; i + 1 < a.dims.size(); ++i)
      sizes.push_back(IsFixed(a.dims[i]) ? absl::StrCat(a.dims[i]) : absl::StrCat(a.name, ".size(", i, ")"));
    return absl::StrJoin(sizes, ", ");
  }
  // ", a.size(2)" of what follows the first two.
  static std::string RestOf(const Variable& a) {
    std::string text;
    for (size_t i = 2; i < a.dims.size(); ++i) absl::StrAppend(&text, ", ", a.name, ".size(", i, ")");
    return text;
  }
  void Unsqueeze() {
    const Variable* const a =
        Pick([](const Variable& each) { return AreKnown(each.dims) && each.dims.size() <= 3; });
    if (a == nullptr) return;
    const auto one = std::find(a->dims.begin(), a->dims.end(), 1);
    Dims dims = a->dims;
    if (OneIn(2) && one != a->dims.end()) {
      dims.erase(dims.begin() + (one - a->dims.begin()));
      return Add(absl::StrCat(a->name, ".squeeze(", one - a->dims.begin(), ")"), a->dtype, dims);
    }
    const auto axis = static_cast<int64_t>(Below(dims.size() + 1));
    dims.insert(dims.begin() + axis, 1);
    Add(absl::StrCat(a->name, ".unsqueeze(", axis, ")"), a->dtype, dims);
  }
  void Slice() {
    const Variable* const a =
        Pick([](const Variable& each) { return !each.dims.empty() && AreKnown(each.dims); });
    if (a == nullptr) return;
    const size_t axis = Below(a->dims.size());
    Dims dims = a->dims;
    const int64_t size = dims[axis];
    std::string index;
    for (size_t i = 0; i < axis; ++i) index += ":, ";
    if (!IsFixed(size)) {
      dims[axis] = kSome;
      return Add(absl::StrCat(a->name, "[", index, Any({"1:", ":-1", "::2", "-2:", ":3"}), "]"), a->dtype,
                 dims);
    }
    if (size < 3) return;
    if (OneIn(2)) {
      dims[axis] = 2;
      return Add(absl::StrCat(a->name, "[", index, Any({"1:3", ":2", "-2:"}), "]"), a->dtype, dims);
    }
    dims[axis] = (size + 1) / 2;
    Add(absl::StrCat(a->name, "[", index, "::2]"), a->dtype, dims);
  }
  void Select() {
    const Variable* const a =
        Pick([](const Variable& each) { return each.dims.size() >= 2 && AreKnown(each.dims); });
    if (a == nullptr) return;
    const size_t axis = Below(a->dims.size());
    Dims dims = a->dims;
    dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(axis));
    Add(absl::StrCat(a->name, ".select(", axis, ", ", Any({"0", "-1"}), ")"), a->dtype, dims);
  }
  void Chunk() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr || !IsFixed(a->dims.back()) || a->dims.back() % 2 != 0) return;
    Dims dims = a->dims;
    dims.back() /= 2;
    const std::string of = a->name, first = NewName(), second = NewName();
    Statement(absl::StrCat(first, ", ", second, " = torch.chunk(", of, ", 2, -1)"),
              {.name = first, .dtype = 'F', .dims = dims});
    variables_.push_back({.name = second, .dtype = 'F', .dims = dims});
  }
  void Join() {
    const Variable* const a =
        Pick([](const Variable& each) { return !each.dims.empty() && AreKnown(each.dims); });
    if (a == nullptr) return;
    const Variable* const b = PickLike(*a);
    Dims dims = a->dims;
    const size_t axis = Below(dims.size());
    const char* const name = OneIn(3) && dims.size() < 4 ? "stack" : "cat";
    if (name[0] == 's')
      dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(axis), 2);
    else
      dims[axis] = IsFixed(dims[axis]) ? 2 * dims[axis] : kSome;
    Add(absl::StrCat("torch.", name, "([", a->name, ", ", b->name, "], ", axis, ")"), a->dtype, dims);
  }
  void Expand() {
    const Variable* const a = PickFloat(1, 3);
    if (a == nullptr) return;
    const Variable* const b = PickBroadcastable(*a, 'F');
    if (*Broadcast(a->dims, b->dims) != b->dims) return;
    Add(absl::StrCat(a->name, ".expand_as(", b->name, ")"), 'F', b->dims);
  }
  void Pad() {
    const Variable* const a = PickFloat(2);
    if (a == nullptr || !IsFixed(a->dims.back())) return;
    Dims dims = a->dims;
    dims.back() += 2;
    Add(absl::StrCat("torch.constant_pad_nd(", a->name, ", [1, 1], 0.5)"), 'F', dims);
  }
  void Embed() {
    const Variable* const a =
        Pick([](const Variable& each) { return each.dtype == 'L' && AreKnown(each.dims); });
    if (a == nullptr) return;
    Dims dims = a->dims;
    dims.push_back(4);
    Add(absl::StrCat("torch.embedding(", Weight({10, 4}), ", ", a->name, ")"), 'F', dims);
  }
  void ToFloat() {
    const Variable* const a = Pick([](const Variable& each) { return each.dtype != 'F'; });
    if (a != nullptr) Add(absl::StrCat(a->name, ".to(6)"), 'F', a->dims);
  }
  void Branch() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr || !OneIn(4)) return;
    const std::string of = a->name, name = NewName();
    const std::string condition = OneIn(3) ? absl::StrCat("bool(torch.sum(", of, ") > 0)")
                                           : absl::StrCat(of, ".size(", Below(a->dims.size()), ") ",
                                                          Any({">", "<=", "==", "!="}), " 2");
    const std::string other = OneIn(2) ? PickLike(*a)->name : of;
    Statement(absl::StrCat("if ", condition, ":\n  ", name, " = ", UnaryOf(of), "\nelse:\n  ", name, " = ",
                           OneIn(3) ? other : UnaryOf(other)),
              {.name = name, .dtype = 'F', .dims = a->dims});
  }
  void Loop() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr) return;
    const std::string first = a->name, second = PickLike(*a)->name, name = NewName(), other = NewName();
    const Dims dims = a->dims;
    const std::string body = Any<const char*>(
        {"$0 = $0 * 0.5 + $1", "$0 = torch.tanh($0 + $1) + i", "$0, $1 = $1, torch.tanh($0) + 0.5"});
    Statement(absl::Substitute(absl::StrCat("$0, $1 = $2, $3\nfor i in range(3):\n  ", body), name, other,
                               first, second),
              {.name = name, .dtype = 'F', .dims = dims});
    variables_.push_back({.name = other, .dtype = 'F', .dims = dims});
  }
  void AppendToList() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr) return;
    const std::string first = a->name, second = PickLike(*a)->name, name = NewName();
    Dims dims = a->dims;
    if (dims.size() > 3) return;
    dims.insert(dims.begin(), 4);
    Statement(
        absl::Substitute("l$0 = [$1]\nfor i in range(3):\n  l$0.append($2 * 0.5 + i)\n$0 = torch.stack(l$0)",
                         name, first, second),
        {.name = name, .dtype = 'F', .dims = dims});
  }
  void NewTensor() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr) return;
    if (OneIn(2))
      return Add(absl::StrCat("torch.", Any({"zeros", "ones"}), "_like(", a->name, ") + 0.5"), 'F', a->dims);
    Add(absl::StrCat("torch.", Any({"zeros", "ones"}), "([", a->name, ".size(0), 4]) + 0.5"), 'F',
        {a->dims[0], 4});
  }
  void Assert() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr || !OneIn(4)) return;
    program_.statements.push_back(
        OneIn(2) ? absl::StrCat("assert ", a->name, ".size(0) != 3, \"three\"")
                 : absl::StrCat("assert bool(torch.sum(", a->name, ") < 50), \"large\""));
    program_.last_of.push_back(a->name);
  }
  void Recur() {
    const Variable* const a = PickFloat(3, 3);
    if (a == nullptr || !IsFixed(a->dims[2])) return;
    const int64_t in = a->dims[2];
    const std::string of = a->name, name = NewName(), state = NewName();
    const Dims dims = {a->dims[0], a->dims[1], 3}, last = {1, a->dims[0], 3};
    Statement(absl::Substitute(
                  "$0, $1 = torch.gru($2, torch.zeros([1, $2.size(0), 3]), [$3, $4, $5, $5], True, 1, 0.0, "
                  "False, False, True)",
                  name, state, of, Weight({9, in}), Weight({9, 3}), Weight({9})),
              {.name = name, .dtype = 'F', .dims = dims});
    variables_.push_back({.name = state, .dtype = 'F', .dims = last});
  }
  // Views of views.
  void Layout() {
    const Variable* const a = PickFloat(3, 3);
    if (a == nullptr) return;
    Add(absl::StrCat(a->name, ".transpose(1, 2).contiguous().transpose(0, 1)[..., ::2]"), 'F',
        {a->dims[2], a->dims[0], IsFixed(a->dims[1]) ? (a->dims[1] + 1) / 2 : kSome});
  }

  // What writes over what was there before.
  void InPlace() {
    const Variable* const a = PickFloat(1);
    if (a == nullptr) return;
    const char* const form =
        Any<const char*>({"torch.relu_($0)", "$0.add_(1.5)", "$0.mul_(0.5)", "$0.clamp_(-1, 1)",
                          "$0.sub_($1)", "torch.tanh_($0)", "$0.zero_()", "$0 += $1", "$0.copy_($1)",
                          "$0.masked_fill_($0 > 0.5, 2.0)", "torch.sigmoid_($0)"});
    Change(form, *a, PickLike(*a)->name);
  }
  void WriteView() {
    const Variable* const a = PickFloat(2);
    if (a == nullptr) return;
    const char* const view = Any<const char*>(
        {"$0[:, 0:1]", "$0.transpose(0, 1)", "$0.view($0.size(0), -1)", "$0[0]", "$0.select(1, 0)",
         "$0.expand_as($0)", "$0.contiguous()", "$0.to(6)", "$0.reshape($0.size(0), -1)", "$0.unsqueeze(0)",
         "torch.flatten($0)", "$0.chunk(1)[0]", "$0.squeeze(0)", "$0.detach()"});
    const std::string name = absl::StrCat("w", names_++);
    Change(absl::StrCat(name, " = ", view, "\n", name,
                        Any({".add_(1.5)", ".mul_(0.5)", ".zero_()", ".relu_()", ".fill_(0.25)"})),
           *a);
  }
  void WriteElement() {
    const Variable* const a = PickFloat(2);
    if (a == nullptr) return;
    Change(absl::StrCat("$0", Any({"[:, 0] = 1.5", "[0] = 0.5", "[:, 0:1] += 1.0", "[..., -1] *= 0.5"})), *a);
  }
  // Mostly of a value of its own, so that the program is not refused for writing into its input.
  void Change(const std::string& form, const Variable& what, const std::string& other = "") {
    const std::string of = what.name, name = NewName();
    const Variable made{.name = name, .dtype = 'F', .dims = what.dims};
    if (OneIn(2))
      return Statement(absl::StrCat(absl::Substitute(form, of, other), "\n", name, " = ", of, " * 2"), made);
    Statement(absl::StrCat(name, " = ", of, Any({" * 1.5", ".clone()", " + 0.5"}), "\n",
                           absl::Substitute(form, name, other)),
              made);
  }

  std::string Returned() {
    std::vector<std::string> names;
    const size_t count = 1 + Below(3);
    names.push_back(variables_.back().name);
    for (size_t i = 1; i < count; ++i)
      names.push_back(Pick([](const Variable& each) { return !each.is_input; })->name);
    if (OneIn(6)) names.push_back(names.front());
    // A graph that takes no notice of an input is not converted.
    for (const KnownInput& input : program_.inputs) {
      if (!OneIn(20)) names.push_back(absl::StrCat(input.name, ".to(6) * 2"));
    }
    if (OneIn(30)) names.push_back("x");
    switch (Below(5)) {
      case 0:
        return absl::StrCat("[", absl::StrJoin(names, ", "), "]");
      case 1: {
        std::vector<std::string> entries;
        for (const std::string& name : names)
          entries.push_back(absl::StrCat("\"", entries.size(), "\": ", name));
        return absl::StrCat("{", absl::StrJoin(entries, ", "), "}");
      }
      case 2:
        return absl::StrCat("(", absl::StrJoin(names, ", "), ", [", names.back(), "], 3, None)");
      default:
        return absl::StrJoin(names, ", ");
    }
  }

  std::mt19937 random_;
  bool mutates_ = false;
  int names_ = 0;
  std::vector<Variable> variables_;
  RandomProgram program_;
};

}  // namespace

std::string RandomProgram::Source() const {
  std::string source = "def forward(self";
  for (const KnownInput& input : inputs) absl::StrAppend(&source, ", ", input.name);
  absl::StrAppend(&source, "):\n");
  for (const std::string& statement : statements)
    absl::StrAppend(&source, "  ", absl::StrReplaceAll(statement, {{"\n", "\n  "}}), "\n");
  return absl::StrCat(source, "  return ", returned, "\n");
}

RandomProgram RandomProgram::Beginning(size_t count) const {
  RandomProgram beginning = *this;
  beginning.statements.resize(count);
  beginning.last_of.resize(count);
  beginning.returned = last_of[count - 1];
  return beginning;
}

RandomProgram MakeRandomProgram(uint32_t seed) { return Maker(seed).Make(); }

}  // namespace modeld
