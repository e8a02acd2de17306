#include "operator_cases.h"

namespace modeld {
namespace {

constexpr double kWide = 1e4;

constexpr OperatorCase kCases[] = {
    // Element by element.
    {"return torch.abs(x)", "F[-1,5]"},
    {"return x + 2.5", "F[-1,5]"},
    {"return torch.add(x, 3, alpha=2)", "F[-1,5]"},
    {"return x + y", "F[-1,5] F[-1,5]"},
    {"return x + y", "F[-1,4,5] F[5]"},
    {"return x + y", "F[-1,1,5] F[-1,4,1]"},
    {"return torch.add(x, y, alpha=0.5)", "F[-1,5] F[-1,5]"},
    {"return x + torch.tensor(3)", "F[-1,5]"},
    {"return x * torch.tensor(0.1, dtype=7)", "F[-1,5]"},
    {"return torch.ceil(x)", "F[-1,5]"},
    {"return torch.ceil(x)", "F[-1,5]", kWide},
    {"return torch.clamp(x, -1, 2)", "F[-1,5]"},
    {"return torch.clamp(x, min=-0.5)", "F[-1,5]"},
    {"return torch.clamp(x, max=0.25)", "F[-1,5]"},
    {"return torch.clamp_max(x, 0.5)", "F[-1,5]"},
    {"return torch.clamp_min(x, -0.5)", "F[-1,5]"},
    {"return torch.cos(x)", "F[-1,5]"},
    {"return torch.cos(x)", "F[-1,5]", 100},
    {"return x / 3", "F[-1,5]"},
    {"return torch.elu(x, 0.7)", "F[-1,5]"},
    {"return torch.elu(x)", "F[-1,5]", kWide},
    {"return torch.erf(x)", "F[-1,5]"},
    {"return torch.erf(x)", "F[-1,5]", kWide},
    {"return torch.exp(x)", "F[-1,5]"},
    {"return torch.floor(x)", "F[-1,5]"},
    {"return torch.floor(x)", "F[-1,5]", kWide},
    {"return torch.gelu(x)", "F[-1,5]"},
    {"return torch.gelu(x)", "F[-1,5]", kWide},
    {"return torch.gelu(x, approximate=\"tanh\")", "F[-1,5]"},
    {"return torch.hardsigmoid(x)", "F[-1,5]", 10},
    {"return torch.hardswish(x)", "F[-1,5]", 10},
    {"return torch.hardtanh(x, -0.5, 0.75)", "F[-1,5]"},
    {"return torch.leaky_relu(x, 0.2)", "F[-1,5]", kWide},
    {"return torch.maximum(x, y)", "F[-1,5] F[-1,5]"},
    {"return torch.minimum(x, y)", "F[-1,5] F[5]"},
    {"return torch.mish(x)", "F[-1,5]"},
    {"return torch.mish(x)", "F[-1,5]", 80},
    {"return x * 0.1", "F[-1,5]"},
    {"return x * y", "F[-1,5] F[-1,5]", kWide},
    {"return x * y", "F[-1,1,5] F[4,1]"},
    {"return -x", "F[-1,5]"},
    {"return x ** 2", "F[-1,5]", 100},
    {"return x ** 3", "F[-1,5]"},
    {"return x / torch.tensor([1.0, 2.0, -3.0, 0.5, 7.0])", "F[-1,5]"},
    {"return torch.prelu(x, torch.tensor([0.25]))", "F[-1,5]"},
    {"return torch.prelu(x, torch.tensor([0.25, -0.5, 2.0]))", "F[-1,3,4]"},
    {"return torch.relu(x)", "F[-1,5]"},
    {"return torch.relu_(x * 2)", "F[-1,5]", kWide},
    {"return torch.relu6(x)", "F[-1,5]", 10},
    {"return 1 - x", "F[-1,5]"},
    {"return torch.rsub(x, 1)", "F[-1,5]"},
    {"return torch.rsub(x, 2.5, 0.5)", "F[-1,5]"},
    {"return torch.sigmoid(x)", "F[-1,5]"},
    {"return torch.sigmoid(x)", "F[-1,5]", kWide},
    {"return torch.silu(x)", "F[-1,5]"},
    {"return torch.silu(x)", "F[-1,5]", kWide},
    {"return torch.sin(x)", "F[-1,5]"},
    {"return torch.sin(x)", "F[-1,5]", 100},
    {"return torch.softplus(x)", "F[-1,5]"},
    {"return torch.softplus(x)", "F[-1,5]", 80},
    {"return torch.square(x)", "F[-1,5]", 100},
    {"return x - 1.5", "F[-1,5]"},
    {"return x - y", "F[-1,5] F[-1,5]", kWide},
    {"return torch.tanh(x)", "F[-1,5]"},
    {"return torch.tanh(x)", "F[-1,5]", kWide},
    // What is defined for some numbers only.
    {"return torch.sqrt(torch.abs(x))", "F[-1,5]"},
    {"return torch.sqrt(x * x + 1e-5)", "F[-1,5]", kWide},
    {"return torch.rsqrt(torch.abs(x) + 1e-5)", "F[-1,5]"},
    {"return torch.log(torch.abs(x) + 1e-6)", "F[-1,5]"},
    {"return torch.log(torch.abs(x) + 0.9)", "F[-1,5]", kWide},
    {"return torch.log2(torch.abs(x) + 0.1)", "F[-1,5]"},
    {"return torch.log10(torch.abs(x) + 0.1)", "F[-1,5]"},
    {"return torch.log1p(torch.abs(x) * 1e-3)", "F[-1,5]"},
    {"return torch.log1p(torch.abs(x) - 0.99)", "F[-1,5]", kWide},
    {"return torch.reciprocal(torch.abs(x) + 0.1)", "F[-1,5]"},
    {"return x / (torch.abs(y) + 0.01)", "F[-1,5] F[-1,5]"},
    {"return x / torch.sum(torch.exp(y), [1], keepdim=True)", "F[-1,5] F[-1,5]"},
    {"return 2.0 / (torch.abs(x) + 0.01)", "F[-1,5]"},
    {"return (torch.abs(x) + 0.01) ** -2", "F[-1,5]"},
    {"return (torch.abs(x) + 0.01) ** -1", "F[-1,5]"},
    {"return (torch.abs(x) + 0.01) ** -0.5", "F[-1,5]"},
    {"return (x * x) ** 0.5", "F[-1,5]"},
    {"return torch.abs(x) ** 1.5", "F[-1,5]", 100},
    {"return x ** 4", "F[-1,5]", 100},
    // To booleans, and with them.
    {"return torch.bitwise_not(x)", "B[-1,5]"},
    {"return ~x", "B[-1,5]"},
    {"return x == 1", "F[-1,5]"},
    {"return x == 1", "L[-1,5]"},
    {"return x == y", "F[-1,5] F[-1,5]"},
    {"return x == y", "L[-1,5] L[5]"},
    {"return x >= 0.5", "F[-1,5]"},
    {"return x >= y", "I[-1,5] I[-1,5]"},
    {"return x >= y", "F[-1,5] F[-1,5]"},
    {"return x > 0", "F[-1,5]"},
    {"return x > 2", "L[-1,5]"},
    {"return x > y", "F[-1,5] F[-1,1]"},
    {"return x <= 0.5", "F[-1,5]"},
    {"return x <= y", "F[-1,5] F[-1,5]"},
    {"return x < 0.5", "F[-1,5]"},
    {"return x < y", "L[-1,5] L[-1,5]"},
    {"return x != 0", "F[-1,5]"},
    {"return x != 2", "L[-1,5]"},
    {"return x != y", "L[-1,5] L[-1,5]"},
    {"return torch.logical_and(x, y)", "B[-1,5] B[-1,5]"},
    {"return torch.logical_not(x)", "B[-1,5]"},
    {"return torch.logical_or(x, y)", "B[-1,5] B[5]"},
    {"return x.masked_fill(y, -1.5)", "F[-1,5] B[-1,5]"},
    {"return torch.where(x, y, z)", "B[-1,5] F[-1,5] F[-1,5]"},
    {"return torch.where(x > 0, x, x * 0.01)", "F[-1,5]"},
    {"return torch.where(x, y, z)", "B[-1,5] L[-1,5] L[-1,5]", 1e6},
    {"return torch.where(x, y, torch.zeros_like(y))", "B[-1,5] I[-1,5]", 1e6},
    // Over dimensions.
    {"return torch.all(x)", "B[-1,1]"},
    {"return torch.all(x > 0), torch.all(x > -4)", "F[-1,5]"},
    {"return torch.amax(x, [1])", "F[-1,5,4]"},
    {"return torch.amax(x, [1, 2], keepdim=True)", "F[-1,5,4]"},
    {"return torch.amin(x, [-1])", "F[-1,5,4]"},
    {"return torch.log_softmax(x, 1)", "F[-1,5]", 50},
    {"return torch.log_softmax(x, -1)", "F[-1,5,4]"},
    {"return torch.mean(x)", "F[-1,5]"},
    {"return torch.mean(x, [1])", "F[-1,5,4]"},
    {"return torch.mean(x, [-1, -2], keepdim=True)", "F[-1,3,5,4]"},
    {"return torch.softmax(x, 1)", "F[-1,5]"},
    {"return torch.softmax(x, 0)", "F[-1,5]"},
    {"return torch.softmax(x, -1)", "F[-1,5,4]", kWide},
    {"return torch.sum(x)", "F[-1,5]"},
    {"return torch.sum(x, [1])", "F[-1,5,4]"},
    {"return torch.sum(x, [0, -1], keepdim=True)", "F[-1,5,4]"},
    // Layers. Weights are constants made of a sine, which has no symmetry that could hide a mistake.
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(2, 3, 3, 3)\n"
     "return torch.conv2d(x, w)",
     "F[-1,3,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(2, 3, 3, 3)\n"
     "b = torch.tensor([0.5, -1.0])\n"
     "return torch.conv2d(x, w, b, [2, 1], [1, 2], [1, 2])",
     "F[-1,3,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(6, 1, 3, 3)\n"
     "return torch.conv2d(x, w, None, [1, 1], [1, 1], [1, 1], 6)",
     "F[-1,6,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 72.0)).view(4, 2, 3, 3)\n"
     "return torch.conv2d(x, w, None, [1, 1], [1, 1], [1, 1], 2)",
     "F[-1,4,-1,-1]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(2, 3, 3, 3)\n"
     "return torch._convolution(x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, False, False, True, "
     "True)",
     "F[-1,3,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(2, 3, 5)\n"
     "return torch.conv1d(x, w, torch.tensor([0.5, -1.0]), 2, 2)",
     "F[-1,3,11]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(2, 1, 3, 3, 3)\n"
     "return torch.conv3d(x, w, None, [1, 1, 1], [1, 1, 1])",
     "F[-1,1,4,5,6]"},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(3, 2, 5)\n"
     "return torch.conv_transpose1d(x, w, torch.tensor([0.5, -1.0]), 2, 1, 1)",
     "F[-1,3,7]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(3, 2, 3, 3)\n"
     "return torch.conv_transpose2d(x, w, torch.tensor([0.5, -1.0]), [2, 2], [1, 1], [1, 0])",
     "F[-1,3,5,6]"},
    {"return torch.adaptive_avg_pool1d(x, 1)", "F[-1,3,7]"},
    {"return torch.adaptive_avg_pool1d(x, 3)", "F[-1,3,7]"},
    {"return torch.adaptive_avg_pool2d(x, [1, 1])", "F[-1,3,7,9]"},
    {"return torch.adaptive_avg_pool2d(x, [3, 4])", "F[-1,3,7,9]"},
    {"return torch.avg_pool2d(x, [2, 3], [2, 2], [1, 1])", "F[-1,3,7,9]"},
    {"return torch.avg_pool2d(x, [2, 3], [2, 2], [1, 1], False, False)", "F[-1,3,7,9]"},
    {"return torch.max_pool1d(x, [3], [2], [1])", "F[-1,3,9]"},
    {"return torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])", "F[-1,3,8,9]"},
    {"return torch.max_pool2d(x, [2, 2], [2, 2], [0, 0], [2, 1])", "F[-1,3,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 15.0)).view(5, 3)\n"
     "return torch.addmm(torch.tensor([0.5, -1.0, 2.0]), x, w)",
     "F[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 15.0)).view(5, 3)\n"
     "return torch.addmm(torch.tensor([0.5, -1.0, 2.0]), x, w, beta=0.5, alpha=2.0)",
     "F[-1,5]"},
    {"return torch.bmm(x, y)", "F[-1,4,5] F[-1,5,3]"},
    {"w = torch.sin(torch.arange(0.0, 15.0)).view(3, 5)\n"
     "return torch.linear(x, w)",
     "F[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 15.0)).view(3, 5)\n"
     "return torch.linear(x, w, torch.tensor([0.5, -1.0, 2.0]))",
     "F[-1,4,5]"},
    {"return torch.matmul(x, y)", "F[-1,4,5] F[5,3]"},
    {"return torch.matmul(x, y)", "F[-1,2,4,5] F[-1,2,5,3]"},
    {"return torch.matmul(x, y)", "F[-1,5] F[5]"},
    {"return torch.mm(x, y)", "F[-1,5] F[5,3]"},
    {"m = torch.tensor([0.5, -1.0, 2.0])\nv = torch.tensor([0.25, 1.0, 4.0])\n"
     "return torch.batch_norm(x, v, m, m, v, False, 0.1, 1e-5, True)",
     "F[-1,3,4,5]"},
    {"m = torch.tensor([0.5, -1.0, 2.0])\nv = torch.tensor([0.25, 1.0, 4.0])\n"
     "return torch.batch_norm(x, None, None, m, v, False, 0.1, 1e-3, True)",
     "F[-1,3]"},
    {"return torch.group_norm(x, 2, torch.tensor([0.5, -1.0, 2.0, 1.0]), None, 1e-5)", "F[-1,4,5]"},
    {"return torch.group_norm(x, 2, None, None, 1e-3)", "F[-1,4,5,6]", kWide},
    {"return torch.layer_norm(x, [5])", "F[-1,4,5]"},
    {"return torch.layer_norm(x, [4, 5], torch.sin(torch.arange(0.0, 20.0)).view(4, 5), None, 1e-3)",
     "F[-1,4,5]"},
    {"wi = torch.sin(torch.arange(0.0, 36.0)).view(12, 3)\nwh = torch.cos(torch.arange(0.0, 36.0)).view(12, "
     "3)\n"
     "b = torch.sin(torch.arange(0.0, 12.0))\nh = torch.zeros([1, 2, 3])\n"
     "o, a, c = torch.lstm(x, [h, h], [wi, wh, b, b], True, 1, 0.0, False, False, False)\n"
     "return o, a, c",
     "F[7,2,3]"},
    {"wi = torch.sin(torch.arange(0.0, 36.0)).view(12, 3)\nwh = torch.cos(torch.arange(0.0, 36.0)).view(12, "
     "3)\n"
     "b = torch.sin(torch.arange(0.0, 12.0))\nh = torch.zeros([2, x.size(0), 3])\n"
     "o, a, c = torch.lstm(x, [h, h], [wi, wh, b, b, wh, wi, b, b], True, 1, 0.0, False, True, True)\n"
     "return o, a, c",
     "F[-1,7,3]"},
    {"wi = torch.sin(torch.arange(0.0, 27.0)).view(9, 3)\nwh = torch.cos(torch.arange(0.0, 27.0)).view(9, "
     "3)\n"
     "b = torch.sin(torch.arange(0.0, 9.0))\nh = torch.zeros([1, x.size(0), 3])\n"
     "o, a = torch.gru(x, h, [wi, wh, b, b], True, 1, 0.0, False, False, True)\n"
     "return o, a",
     "F[-1,7,3]"},
    {"wi = torch.sin(torch.arange(0.0, 27.0)).view(9, 3)\nwh = torch.cos(torch.arange(0.0, 27.0)).view(9, "
     "3)\n"
     "h = torch.zeros([2, x.size(1), 3])\n"
     "o, a = torch.gru(x, h, [wi, wh, wh, wi], False, 2, 0.0, False, False, False)\n"
     "return o, a",
     "F[5,-1,3]"},
    {"return torch.scaled_dot_product_attention(x, y, z)", "F[-1,2,4,8] F[-1,2,6,8] F[-1,2,6,8]"},
    {"return torch.scaled_dot_product_attention(x, x, x, None, 0.0, True)", "F[-1,2,4,8]"},
    {"return torch.scaled_dot_product_attention(x, x, x, None, 0.0, False, scale=0.3)", "F[-1,2,4,8]"},
    {"return torch.scaled_dot_product_attention(x, y, z, None, 0.0, True)",
     "F[-1,2,4,8] F[-1,2,6,8] F[-1,2,6,8]"},
    {"return torch.scaled_dot_product_attention(x, y, z, None, 0.0, True)",
     "F[-1,2,6,8] F[-1,2,4,8] F[-1,2,4,8]"},
    {"return torch.scaled_dot_product_attention(x, x, x, None, 0.0, True)", "F[2,-1,8]"},
    {"return torch.scaled_dot_product_attention(x, x, x, y)", "F[-1,2,4,8] F[4,4]"},
    {"return torch.scaled_dot_product_attention(x, x, x, y)", "F[-1,2,4,8] F[-1,1,1,4]", 50},
    {"return torch.scaled_dot_product_attention(x, x, x, y, scale=0.2)", "F[-1,2,4,8] F[-1,2,4,4]"},
    {"return torch.scaled_dot_product_attention(x, x, x, y.select(3, 0).unsqueeze(2) > -4)",
     "F[-1,2,4,8] F[-1,2,4,8]"},
    {"m = torch.cat([torch.ones_like(y[:, :, :, :1]), y[:, :, :, 1:]], 3)\n"
     "return torch.scaled_dot_product_attention(x, x, x, m)",
     "F[-1,2,4,8] B[-1,1,1,4]"},
    {"m = torch.cat([torch.ones_like(y[:, :1]), y[:, 1:]], 1)\n"
     "return torch.scaled_dot_product_attention(x, x, x, m)",
     "F[-1,2,4,8] B[4,4]"},
    // Masks of minus infinity.
    {"m = torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\n"
     "return torch.softmax(x.masked_fill(m.unsqueeze(1), float('-inf')), -1)",
     "F[-1,4,9] B[-1,9]"},
    {"m = torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\n"
     "m = torch.zeros_like(m, dtype=6).masked_fill_(m, float('-inf'))\n"
     "return torch.softmax(x + m.unsqueeze(1), 2)",
     "F[-1,4,9] B[-1,9]", kWide},
    {"m = torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\n"
     "m = torch.zeros_like(m, dtype=6).masked_fill_(m, float('-inf'))\n"
     "return torch.scaled_dot_product_attention(x, x, x, m.view(-1, 1, 1, 4).expand(-1, 2, -1, -1))",
     "F[-1,2,4,8] B[-1,4]"},
    {"return torch.softmax(x + torch.full([9, 9], float('-inf')).triu(1), -1)", "F[-1,9,9]"},
    // Moving elements.
    {"return torch.cat([x, y], 1)", "F[-1,5] F[-1,3]"},
    {"return torch.cat([x, x, x], -1)", "L[-1,5]"},
    {"return torch.cat([x, ~x])", "B[-1,5]"},
    {"a, b, c = torch.chunk(x, 3, 1)\nreturn c, a, b", "F[-1,6]"},
    {"a, b = torch.chunk(x, 2, -1)\nreturn b, a", "L[-1,6]"},
    {"return torch.softmax(x.masked_fill(y, -1e9), -1)", "F[-1,4,5] B[4,5]"},
    {"return x.clone() + 1", "F[-1,5]"},
    {"return torch.constant_pad_nd(x, [1, 2], 0.5)", "F[-1,5]"},
    {"return torch.constant_pad_nd(x, [1, 2, 0, 3])", "F[-1,2,4,5]"},
    {"return x.contiguous() * 2", "F[-1,5]"},
    {"return x.expand(4, -1, 5) + 0.0", "F[-1,5]"},
    {"return x.expand(-1, 3) + 0.0", "F[-1,1]"},
    {"return x.expand_as(y) * y", "F[-1,1] F[-1,5]"},
    {"return torch.flatten(x, 1) * 2", "F[-1,3,4]"},
    {"return torch.flatten(x) == 2", "L[-1,3,4]"},
    {"return x.permute(0, 2, 3, 1)", "F[-1,3,4,5]"},
    {"return x.permute([2, 0, 1])", "U[-1,3,4]"},
    {"return torch.pixel_shuffle(x, 2)", "F[-1,8,3,4]"},
    {"return x.reshape(-1, 15) * 2", "F[-1,3,5]"},
    {"return x.transpose(1, 2).reshape(x.size(0), -1)", "L[-1,3,5]"},
    {"return x.select(1, 0) + x.select(1, -1)", "F[-1,5]"},
    {"return x[:, 2]", "F[-1,5,3]"},
    {"return x[0]", "L[-1,5]"},
    {"return x[:, 1:4]", "F[-1,5]"},
    {"return x[:, ::2]", "F[-1,5]"},
    {"return x[:, -3:]", "L[-1,5]"},
    {"return x[:, 2:100]", "B[-1,5]"},
    {"return x[..., :-1]", "F[-1,3,5]"},
    {"a, b, c = torch.split(x, 2, 1)\nreturn c, a + b", "F[-1,6]"},
    {"a, b, c = torch.split(x, 2, -1)\nreturn c, a, b", "L[-1,5]"},
    {"a, b = torch.split_with_sizes(x, [1, 4], 1)\nreturn b, a", "F[-1,5,2]"},
    {"a, b, c = torch.unbind(x, 1)\nreturn c, a + b", "F[-1,3,2]"},
    {"a, b = torch.unbind(x, -1)\nreturn b, a", "B[-1,3,2]"},
    {"return x.squeeze(1) * 2", "F[-1,1,5]"},
    {"return x.squeeze(-1) * 2", "F[-1,5,1]"},
    {"return torch.stack([x, y])", "F[-1,5] F[-1,5]"},
    {"return torch.stack([x, x], -1)", "L[-1,5]"},
    {"return x.t()", "F[-1,5]"},
    {"return x.transpose(1, 2)", "F[-1,3,5]"},
    {"return x.transpose(-1, 0)", "U[-1,3,5]"},
    {"return x.unsqueeze(1) * 2", "F[-1,5]"},
    {"return x.unsqueeze(-1) == 2", "L[-1,5]"},
    {"return torch.upsample_bilinear2d(x, None, False, [2.0, 2.0])", "F[-1,3,4,5]"},
    {"return torch.upsample_nearest2d(x, None, [2.0, 2.0])", "F[-1,3,4,5]"},
    {"return x.view(-1, 15) * 2", "F[-1,3,5]"},
    {"return x.view(x.size(0), 5, 3) == 2", "L[-1,3,5]"},
    // Between dtypes, and new tensors.
    {"return x.to(6) / 255", "U[-1,5]", 255},
    {"return x.to(6) * 0.5", "L[-1,5]", 1000},
    {"return x.to(6) * 2", "B[-1,5]"},
    {"return x.to(4) == 1", "B[-1,5]"},
    {"return x.to(4) == 1", "I[-1,5]", 1e6},
    {"return ~x.to(11)", "F[-1,5]"},
    {"return torch.zeros([x.size(0), 3]) + x.select(1, 0).unsqueeze(1)", "F[-1,5]"},
    {"return torch.ones([x.size(0), 3]) * x.select(1, 0).unsqueeze(1)", "F[-1,5]"},
    {"return torch.zeros_like(x) + x", "F[-1,5]"},
    {"return torch.ones_like(x) * x", "F[-1,5]"},
    {"return torch.zeros_like(x) == x", "L[-1,5]"},
    {"return torch.zeros_like(x, dtype=6) + y", "B[-1,5] F[-1,5]"},
    {"return torch.ones_like(x, dtype=11), torch.ones_like(x, dtype=4)", "F[-1,5]"},
    {"return torch.ones_like(x) == x", "L[-1,5]"},
    {"return torch.arange(x.size(0)) == y", "F[-1,5] L[1]"},
    {"return torch.arange(0, x.size(0), dtype=6) + torch.sum(x)", "F[-1,5]"},
    {"return torch.arange(0, x.size(0), dtype=4), torch.sum(x)", "F[-1,5]"},
    {"return torch.arange(0, x.numel(), 2), torch.arange(0, x.numel(), x.size(1), dtype=3)", "F[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(10, 3)\n"
     "return torch.embedding(w, torch.arange(0, x.size(0), dtype=4)) + torch.sum(x)",
     "F[-1,5]"},
    {"return torch.logical_or(torch.zeros_like(x), x)", "B[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(10, 3)\nreturn torch.embedding(w, x)", "L[-1,4]", 9},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(10, 3)\nreturn torch.embedding(w, x.view(-1), 1)",
     "I[-1,4]", 9},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(10, 3)\n"
     "a, b, c, d = torch.embedding_bag(w, x.reshape(-1), torch.arange(0, x.numel(), x.size(1), dtype=4), "
     "False, 0, "
     "False, None, False, None)\nreturn a",
     "L[-1,4]", 9},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(10, 3)\n"
     "a, b, c, d = torch.embedding_bag(w, x.reshape(-1), torch.arange(0, x.numel(), x.size(1), dtype=4), "
     "False, 1, "
     "False, None, False, None)\nreturn a",
     "L[-1,4]", 9},
    {"w = torch.sin(torch.arange(0.0, 30.0)).view(10, 3)\n"
     "a, b, c, d = torch.embedding_bag(w, x.reshape(-1), torch.arange(0, x.numel(), x.size(1), dtype=4), "
     "False, 1, "
     "False, None, False, None)\nreturn a",
     "L[-1,-1]", 9},
    // More of them, as models come to need them.
    {"return torch.atan(x)", "F[-1,5]"},
    {"return torch.celu(x, 0.7)", "F[-1,5]"},
    {"return torch.cosh(x)", "F[-1,5]"},
    {"return torch.expm1(x)", "F[-1,5]"},
    {"return torch.round(x)", "F[-1,5]"},
    {"return torch.round(x * 2) / 2", "F[-1,5]"},
    {"return torch.selu(x)", "F[-1,5]"},
    {"return torch.sign(x)", "F[-1,5]"},
    {"return torch.sinh(x)", "F[-1,5]"},
    {"return torch.atan(x)", "F[-1,5]", kWide},
    {"return torch.celu(x)", "F[-1,5]", kWide},
    {"return torch.selu(x)", "F[-1,5]", kWide},
    {"return torch.sign(x)", "F[-1,5]", kWide},
    {"return torch.round(x)", "F[-1,5]", kWide},
    {"return torch.glu(x, 1)", "F[-1,6]"},
    {"return torch.logical_xor(x, y)", "B[-1,5] B[-1,5]"},
    {"return torch.any(x)", "B[-1,2]"},
    {"return torch.any(x, 1), torch.any(x, 0, keepdim=True)", "B[-1,2]"},
    {"return torch.all(x, 1), torch.all(x, -1, keepdim=True)", "B[-1,2]"},
    {"return torch.argmax(x, 1)", "F[-1,7]"},
    {"return torch.argmax(torch.round(x), 1)", "F[-1,9]"},
    {"return torch.argmax(torch.round(x), -1, keepdim=True)", "F[-1,4,40]", 1},
    {"return torch.argmax(x * 0.0, 1)", "F[-1,9,3]", 1},
    {"return torch.argmax(torch.round(x), 1)", "F[-1,40,17]", 1},
    {"return torch.argmax(torch.round(x))", "F[-1,9]", 1},
    {"return torch.argmin(torch.round(x), 1)", "F[-1,40]", 1},
    {"return torch.argmin(x, -1)", "F[-1,4,7]", kWide},
    {"return torch.cumsum(x, 1)", "F[-1,5,3]"},
    {"return torch.cumsum(x, -1)", "F[-1,40]"},
    {"return torch.linalg_vector_norm(x, 2, [1])", "F[-1,5,3]"},
    {"return torch.linalg_vector_norm(x, 2.0, [-1], True)", "F[-1,5]", kWide},
    {"return torch.max(x)", "F[-1,5]"},
    {"return torch.min(x)", "F[-1,5]", kWide},
    {"return torch.norm(x, 2, [1], True)", "F[-1,5]"},
    {"return torch.norm(x, 2, [-1])", "F[-1,4,5]", kWide},
    {"return torch.logsumexp(x, [1])", "F[-1,5]", 80},
    {"return torch.logsumexp(x, [-1], True)", "F[-1,4,5]"},
    {"return torch.std(x, [1])", "F[-1,5,3]"},
    {"return torch.std(x, [1, 2], False, True)", "F[-1,5,3]", kWide},
    {"return torch.std(x, [1], correction=0)", "F[-1,5]"},
    {"return torch.std(x, [1], correction=1, keepdim=True)", "F[-1,5]"},
    {"return torch.var(x, [1])", "F[-1,5,3]"},
    {"return torch.var(x, [-1], False, True)", "F[-1,5,3]"},
    {"return torch.var(x, [1], correction=0)", "F[-1,5]"},
    {"return torch.var(x, [1], correction=1, keepdim=True)", "F[-1,5]"},
    {"return torch.adaptive_avg_pool3d(x, [1, 1, 1])", "F[-1,2,3,4,5]"},
    {"return torch.adaptive_avg_pool3d(x, [2, 3, 2])", "F[-1,2,4,6,5]"},
    {"return torch.avg_pool1d(x, [3], [2], [1])", "F[-1,3,9]"},
    {"return torch.avg_pool1d(x, [3], [2], [1], False, False)", "F[-1,3,8]"},
    {"return torch.avg_pool3d(x, [2, 2, 3], [2, 2, 2], [1, 1, 1])", "F[-1,3,5,6,7]"},
    {"return torch.baddbmm(z, x, y)", "F[-1,4,5] F[-1,5,3] F[-1,4,3]"},
    {"return torch.baddbmm(z, x, y, beta=0.5, alpha=0.25)", "F[-1,4,5] F[-1,5,3] F[-1,4,3]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(2, 3, 3, 3)\nreturn torch.conv2d(x, w, None, [1, 1], "
     "\"same\")",
     "F[-1,3,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 24.0)).view(2, 3, 2, 2)\nreturn torch.conv2d(x, w, None, [1, 1], "
     "\"same\", [2, 1])",
     "F[-1,3,8,9]"},
    {"w = torch.sin(torch.arange(0.0, 24.0)).view(2, 3, 4)\nreturn torch.conv1d(x, w, None, 1, \"same\")",
     "F[-1,3,11]"},
    {"w = torch.sin(torch.arange(0.0, 24.0)).view(2, 3, 4)\nreturn torch.conv1d(x, w, None, 2, \"valid\")",
     "F[-1,3,11]"},
    {"w = torch.sin(torch.arange(0.0, 54.0)).view(1, 2, 3, 3, 3)\nreturn torch.conv_transpose3d(x, w, None, "
     "[2, 1, 2], [1, 1, 1])",
     "F[-1,1,4,3,5]"},
    {"m = torch.tensor([0.5, -1.0, 2.0])\nreturn torch.instance_norm(x, m, m, None, None, True, 0.1, 1e-5, "
     "True)",
     "F[-1,3,4,5]"},
    {"return torch.instance_norm(x, None, None, None, None, True, 0.1, 1e-5, True)", "F[-1,3,9]"},
    {"return torch.max_pool3d(x, [2, 3, 3], [2, 2, 2], [1, 1, 1])", "F[-1,2,5,6,7]"},
    {"return torch.mv(x, y)", "F[-1,5] F[5]"},
    {"return torch.dot(x, y)", "F[5] F[5]"},
    {"return torch.flip(x, [1])", "F[-1,5]"},
    {"return torch.flip(x, [0, -1])", "L[-1,5,3]"},
    {"return torch.pad(x, [1, 2], \"constant\", 0.5)", "F[-1,5]"},
    {"return torch.pixel_unshuffle(x, 2)", "F[-1,2,4,6]"},
    {"return torch.reflection_pad2d(x, [1, 2, 0, 3])", "F[-1,2,5,6]"},
    {"return torch.reflection_pad1d(x, [1, 3])", "F[-1,2,5]"},
    {"return x.repeat(2, 3)", "F[-1,5]"},
    {"return x.repeat(2, 1, 3)", "L[-1,5]"},
    {"return torch.replication_pad2d(x, [1, 2, 0, 3])", "F[-1,2,5,6]"},
    {"return torch.round(torch.round(x) / 2)", "F[-1,5]", 10},
    {"return torch.logsumexp(x, [-1])", "F[-1,5]", kWide},
    {"return torch.pad(x, [1, 2, 0, 1])", "F[-1,4,5]"},
    {"return torch.avg_pool3d(x, [2, 2, 3], [2, 2, 2], [1, 1, 1], False, False)", "F[-1,3,5,6,7]"},
    {"return torch.index_select(x, 1, torch.argmax(y, 1))", "F[-1,5] F[3,5]"},
    {"return torch.embedding(torch.sin(torch.arange(0.0, 30.0)).view(10, 3), torch.argmax(x, 1))",
     "F[-1,10]"},
    {"return torch.roll(x, 2, 1)", "F[-1,5]"},
    {"return torch.roll(x, [1, -2], [1, 2])", "F[-1,5,4]"},
    {"return torch.roll(x, -1, 0)", "L[-1,4]"},
    {"return torch.tril(x)", "F[-1,5,5]"},
    {"return torch.tril(x, -1)", "F[-1,5]"},
    {"return torch.triu(x, 1)", "F[-1,5,4]"},
    {"return torch.triu(x)", "F[-1,5]", kWide},
    {"return x.view_as(y) + y", "F[-1,6] F[-1,2,3]"},
    {"return x.reshape_as(y) + y", "F[-1,6] F[-1,2,3]"},
    {"return torch.index_select(x, 1, torch.tensor([2, 0, 2]))", "F[-1,4]"},
    {"return torch.index_select(x, -1, y)", "F[-1,5] L[3]", 4},
    {"return torch.gather(x, 1, y)", "F[2,5] L[2,3]", 4},
    {"return torch.gather(x, 2, y)", "F[2,3,5] L[2,3,4]", 4},
    {"return x.narrow(1, 1, 3)", "F[-1,5]"},
    {"return x.narrow(-1, 2, 2)", "L[-1,5]"},
    {"return torch.full([x.size(0), 2], 0.5) + x[:, :1]", "F[-1,5]"},
    {"return torch.full_like(x, 1.5) * x", "F[-1,5]"},
    {"return x.new_zeros([x.size(0), 2]) + x[:, :1]", "F[-1,5]"},
    {"return x.new_ones([x.size(0), 2]) * x[:, :1]", "F[-1,5]"},
    {"return x.new_zeros([x.size(0), 2]) == x[:, :1]", "L[-1,5]"},
    // What is spelled out before it is converted, by fast_paths and simplify.
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nn = "
     "torch.sin(torch.arange(1.0, 9.0))\nreturn torch._transformer_encoder_layer_fwd(x, 8, 2, w, b, w[:8], "
     "n, True, False, 1e-5, n, n, n, b[:8], w[8:], b[:16], w[:16].reshape(8, 16), n, None, None)",
     "F[-1,5,8]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nn = "
     "torch.sin(torch.arange(1.0, 9.0))\nreturn torch._transformer_encoder_layer_fwd(x, 8, 2, w, b, w[:8], "
     "n, False, True, 1e-5, n, n, n, b[:8], w[8:], b[:16], w[:16].reshape(8, 16), n, None, None)",
     "F[-1,-1,8]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nn = "
     "torch.sin(torch.arange(1.0, 9.0))\nm = torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\nreturn "
     "torch._transformer_encoder_layer_fwd(x, 8, 2, w, b, w[:8], n, True, True, 1e-5, n, n, n, b[:8], w[8:], "
     "b[:16], w[:16].reshape(8, 16), n, m, 1)",
     "F[-1,5,8] B[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nn = "
     "torch.sin(torch.arange(1.0, 9.0))\nm = torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\nm = "
     "torch.zeros_like(m, dtype=6).masked_fill_(m, float('-inf'))\nreturn "
     "torch._transformer_encoder_layer_fwd(x, 8, 2, w, b, w[:8], n, False, False, 1e-5, n, n, n, b[:8], "
     "w[8:], b[:16], w[:16].reshape(8, 16), n, m, 1)",
     "F[-1,5,8] B[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nn = "
     "torch.sin(torch.arange(1.0, 9.0))\nm = torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\nreturn "
     "torch._transformer_encoder_layer_fwd(x, 8, 2, w, b, w[:8], n, False, False, 1e-5, n, n, n, b[:8], "
     "w[8:], b[:16], w[:16].reshape(8, 16), n, m, 0)",
     "F[-1,5,8] B[5,5]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\na, v = "
     "torch._native_multi_head_attention(x, x, x, 8, 2, w, b, w[:8], b[:8], None, True, True, None)\nreturn "
     "a, v",
     "F[-1,5,8]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nm = "
     "torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\na, v = torch._native_multi_head_attention(x, x, "
     "x, 8, 2, w, b, w[:8], b[:8], m, True, False, 1)\nreturn a, v",
     "F[-1,5,8] B[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\nm = "
     "torch.cat([torch.zeros_like(y[:, :1]), y[:, 1:]], 1)\nm = torch.zeros_like(m, dtype=6).masked_fill_(m, "
     "float('-inf'))\na, v = torch._native_multi_head_attention(x, x, x, 8, 2, w, b, w[:8], b[:8], m, True, "
     "True, 0)\nreturn a, v",
     "F[-1,5,8] B[5,5]"},
    {"w = torch.sin(torch.arange(0.0, 192.0)).view(24, 8)\nb = torch.cos(torch.arange(0.0, 24.0))\na, v = "
     "torch._native_multi_head_attention(x, x, x, 8, 2, w, b, w[:8], b[:8], None, False, True, None)\nreturn "
     "a",
     "F[-1,5,8]"},
    {"b, l, d = x.size()\nq, k, v = torch.linear(x, torch.sin(torch.arange(0.0, 192.0)).view(24, "
     "8)).split(d, 2)\nq = q.view(b, l, 2, d // 2).transpose(1, 2)\nreturn q + k.view(b, l, 2, d // "
     "2).transpose(1, 2) * v.view(b, l, 2, 4).transpose(1, 2)",
     "F[-1,-1,8]"},
    {"assert x.size() == y.size(), \"other sizes\"\nreturn x + y", "F[-1,5] F[-1,5]"},
    {"return x.unflatten(-1, [2, 3]) * 2", "F[-1,6]"},
    // Sizes, numbers made of them, and control flow.
    {"assert (x.size(0) > 0) & (x.size(0) < 6)\nreturn x + 1", "F[-1,5]"},
    {"return torch.zeros([x.size(0) * 2 - y.size(0), 5]) + torch.sum(x)", "F[-1,5] F[-1,5]"},
    {"assert x.size(0) > 0 and x.size(0) < 6\nreturn x + 1", "F[-1,5]"},
    {"assert not (x.size(0) == 4)\nreturn x + 1", "F[-1,5]"},
    {"assert x.size(0) != 4\nreturn x + 1", "F[-1,5]"},
    {"assert x.size(0) >= 1\nreturn x + 1", "F[-1,5]"},
    {"assert x.size(0) <= 5\nreturn x + 1", "F[-1,5]"},
    {"assert bool(torch.sum(x) < 1000)\nreturn x + 1", "F[-1,5]"},
    {"return x.view(x.size(0) * 3, x.size(2)) * 2", "F[-1,3,5]"},
    {"return x.view(x.size(0) * 2, x.size(1) // 2) * 2", "F[-1,6]"},
    {"return torch.zeros([x.size(0) + 1, x.size(0) - 1 + 3]) + torch.sum(x)", "F[-1,5]"},
    {"n = x.size(0) + x.size(0) * 2\nreturn torch.ones([n // 2 + 1, 2]) * torch.sum(x)", "F[-1,5]"},
    {"b, n = x.size()\nreturn x.view(b * 2, n // 2) * 2", "F[-1,6]"},
    {"return torch.ones([x.numel() // 2]) * torch.sum(x)", "F[-1,6]"},
    {"if x.dim() == 2:\n  y = x + 1\nelse:\n  y = x * 2\nreturn y", "F[-1,5]"},
    // Compositions that came out wrong.
    {"w = torch.sin(torch.arange(0.0, 25.0)).view(5, 5)\nreturn torch.matmul(torch.linear(x, w), w)",
     "F[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 16.0)).view(4, 4, 1, 1)\n"
     "return torch.conv2d(x, w), torch.conv_transpose2d(x, w)",
     "F[-1,4,3,3]"},
    {"return torch.sum(x.unsqueeze(2), [-3])", "F[-1,3,5]"},
    {"return torch.sum(x.unsqueeze(2), [-3])", "F[-1,-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 20.0)).view(4, 5)\nv = torch.tensor([1.0, 2.0, 3.0, 4.0])\n"
     "y = torch.linear(x, w)\nreturn torch.batch_norm(y, v, v, v, v, False, 0.1, 1e-3, True), y",
     "F[-1,5]"},
    {"w = torch.sin(torch.arange(0.0, 20.0)).view(4, 5)\nv = torch.tensor([1.0, 2.0, 3.0, 4.0])\n"
     "return torch.batch_norm(torch.linear(x, w), v, v, v, v, False, 0.1, 1e-3, True)",
     "F[-1,4,6,5]"},
    {"y = x\nfor i in range(3):\n  y = y * 1.5 + i\nreturn y", "F[-1,5]"},
};

}  // namespace

std::vector<OperatorCase> OperatorCases() { return {std::begin(kCases), std::end(kCases)}; }

}  // namespace modeld
