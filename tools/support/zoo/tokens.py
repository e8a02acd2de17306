"""Models that look up rows of a table: by numbers, by bags of them, by words, in a language model."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .recipe import Model, Sample, recipe, script, tensor


class Bag(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(rows, 64, mode="mean")
        self.head = nn.Linear(64, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.bag(tokens))


@recipe("nn.EmbeddingBag and a linear layer, INT64 in, scripted")
def embedding_bag(small: bool) -> Model:
    rows = 100 if small else 20_000
    samples = [Sample({"tokens": torch.randint(rows, (count, 16))}) for count in (1, 4)]
    return Model(script(Bag(rows)), [tensor("tokens", "INT64", -1, 16)], samples)


class Tokens(nn.Module):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, 64)
        self.head = nn.Linear(64, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.table(tokens).mean(1))


@recipe("embedding, mean and a linear layer, INT64 in, scripted")
def tokens(small: bool) -> Model:
    rows = 100 if small else 20_000
    samples = [Sample({"tokens": torch.randint(rows, (count, 32))}) for count in (1, 4)]
    return Model(script(Tokens(rows)), [tensor("tokens", "INT64", -1, 32)], samples)


class Words(nn.Module):
    """A vocabulary is part of the model; words that it lacks are row 0."""

    VOCABULARY = ("bad", "film", "good", "plot", "the", "was")

    def __init__(self) -> None:
        super().__init__()
        self.rows = {word: row + 1 for row, word in enumerate(self.VOCABULARY)}
        self.table = nn.Embedding(len(self.VOCABULARY) + 1, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, words: list[str]) -> Tensor:
        rows = torch.tensor([self.rows.get(word, 0) for word in words], dtype=torch.int64)
        return self.head(self.table(rows).mean(0))


@recipe("words by a vocabulary in the model, a list of strings in, scripted")
def words(small: bool) -> Model:
    samples = [
        Sample({"words": ["the", "film", "was", "good"]}),
        Sample({"words": ["such", "a", "bad", "plot"]}),
    ]
    # A list of strings is no tensor that a config could declare.
    return Model(script(Words()), [], samples)


class Block(nn.Module):
    """Causal attention by the fused function, with the head's width told from the input's, and an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.second_norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def attend(self, x: Tensor) -> Tensor:
        batch, length, width = x.size()
        q, k, v = self.qkv(x).split(width, dim=2)
        q = q.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        k = k.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        v = v.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.projection(y.transpose(1, 2).contiguous().view(batch, length, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attend(self.first_norm(x))
        return x + self.layers(self.second_norm(x))


class Gpt(nn.Module):
    """Scores of what the next token is, after tokens of any number."""

    def __init__(self, rows: int, most: int, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, width)
        self.places = nn.Embedding(most, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, rows, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(0, tokens.size(1), dtype=torch.int64, device=tokens.device)
        x = self.blocks(self.table(tokens) + self.places(places))
        return self.head(self.norm(x)[:, -1])


@recipe("causal transformer after tokens of any number, scripted")
def gpt(small: bool) -> Model:
    rows, most, layers, width, heads = (100, 32, 2, 32, 4) if small else (8000, 128, 4, 256, 8)
    samples = [Sample({"tokens": torch.randint(rows, shape)}) for shape in ((1, most), (2, most // 3))]
    return Model(script(Gpt(rows, most, layers, width, heads)), [tensor("tokens", "INT64", -1, -1)], samples)
