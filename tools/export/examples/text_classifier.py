"""Sentences as strings: words are hashed into rows of an embedding, inside the module."""

import torch
from torch import Tensor, nn

from modeld_export import Recipe


def bucket(word: str, buckets: int) -> int:
    """FNV-1a, as TorchScript can compute it."""
    value = 0xCBF29CE4
    for i in range(len(word)):
        value = ((value ^ ord(word[i])) * 0x01000193) & 0xFFFFFFFF
    return value % buckets


class Sentiment(nn.Module):
    def __init__(self, buckets: int = 256) -> None:
        super().__init__()
        self.buckets = buckets
        self.embedding = nn.Embedding(buckets, 16)
        self.layer = nn.Linear(16, 2)

    def forward(self, sentences: list[str]) -> Tensor:
        rows = torch.zeros(len(sentences), 16)
        for i, sentence in enumerate(sentences):
            for word in sentence.lower().split():
                rows[i] += self.embedding(torch.tensor(bucket(word, self.buckets)))
        return self.layer(rows)


def recipe() -> Recipe:
    torch.manual_seed(0)
    return Recipe(
        module=Sentiment().eval(),
        example_inputs=(["a fine day", "what a mess"],),
        name="sentiment",
        version="1.0",
        formats=["scripted"],
        output_names=["logits"],
        labels={"logits": ["negative", "positive"]},
    )
