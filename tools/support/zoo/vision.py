"""Nets of convolutions, shaped like those that are in use; random weights, settled."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from models import ResNet18
from torch import Tensor, nn
from torch.nn import functional

from .recipe import Model, Sample, recipe, script, settle, tensor, trace


def _pictures(count: int, size: int) -> Tensor:
    return torch.randn(count, 3, size, size)


def _batches(size: int) -> Iterator[Tensor]:
    for _ in range(2):
        yield _pictures(4, size)


def _samples(size: int) -> list[Sample]:
    return [Sample({"x": _pictures(count, size)}) for count in (1, 2)]


# So many convolutions on end are 1e-5 apart with another order of sums, or number of threads.
EXECUTION = {"precisions": ["fp32"], "tolerance": {"rtol": 1e-3, "atol": 1e-4}}


def _image_model(module: torch.jit.ScriptModule, size: int) -> Model:
    return Model(module, [tensor("x", "FP32", -1, 3, size, size)], _samples(size), EXECUTION)


@recipe("ResNet-18, scripted")
def resnet18(small: bool) -> Model:
    size = 64 if small else 224
    return _image_model(script(settle(ResNet18(), _batches(size))), size)


@recipe("ResNet-18, traced")
def resnet18_traced(small: bool) -> Model:
    size = 64 if small else 224
    return _image_model(trace(settle(ResNet18(), _batches(size)), _pictures(1, size)), size)


class InvertedResidual(nn.Module):
    """Wider, by channel, narrower again (Sandler et al. 2018, figure 4)."""

    def __init__(self, inputs: int, outputs: int, stride: int, widening: int) -> None:
        super().__init__()
        wide = inputs * widening
        layers: list[nn.Module] = []
        if widening != 1:
            layers += [nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(inplace=True)]
        layers += [nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide)]
        layers += [nn.ReLU6(inplace=True), nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.layers = nn.Sequential(*layers)
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        if self.has_shortcut:
            return x + self.layers(x)
        return self.layers(x)


class MobileNetV2(nn.Module):
    """MobileNetV2 (table 2 there): 3.5 million parameters, convolutions of one channel each."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU6(inplace=True),
        ]
        inputs = 32
        table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2))
        for widening, outputs, count, stride in (*table, (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
            for index in range(count):
                layers.append(InvertedResidual(inputs, outputs, stride if index == 0 else 1, widening))
                inputs = outputs
        layers += [nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.head(torch.flatten(x, 1))


@recipe("MobileNetV2, scripted")
def mobilenetv2(small: bool) -> Model:
    size = 64 if small else 224
    return _image_model(script(settle(MobileNetV2(), _batches(size))), size)


class DoubleConvolution(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    """Down and up again, each step up joined with what it was on the way down (Ronneberger et al. 2015)."""

    def __init__(self, width: int, upsample: bool) -> None:
        super().__init__()
        self.down1 = DoubleConvolution(3, width)
        self.down2 = DoubleConvolution(width, 2 * width)
        self.down3 = DoubleConvolution(2 * width, 4 * width)
        self.bottom = DoubleConvolution(4 * width, 8 * width)
        self.up3 = self._up(8 * width, upsample)
        self.join3 = DoubleConvolution(8 * width, 4 * width)
        self.up2 = self._up(4 * width, upsample)
        self.join2 = DoubleConvolution(4 * width, 2 * width)
        self.up1 = self._up(2 * width, upsample)
        self.join1 = DoubleConvolution(2 * width, width)
        self.mask = nn.Conv2d(width, 1, 1)

    @staticmethod
    def _up(width: int, upsample: bool) -> nn.Module:
        if not upsample:
            return nn.ConvTranspose2d(width, width // 2, 2, 2)
        larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        return nn.Sequential(larger, nn.Conv2d(width, width // 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)
        two = self.down2(functional.max_pool2d(one, 2))
        three = self.down3(functional.max_pool2d(two, 2))
        x = self.bottom(functional.max_pool2d(three, 2))
        x = self.join3(torch.cat([three, self.up3(x)], dim=1))
        x = self.join2(torch.cat([two, self.up2(x)], dim=1))
        x = self.join1(torch.cat([one, self.up1(x)], dim=1))
        return torch.sigmoid(self.mask(x))


def _unet(small: bool, upsample: bool) -> Model:
    size = 32 if small else 128
    return _image_model(script(settle(UNet(8 if small else 32, upsample), _batches(size))), size)


@recipe("U-Net, a mask for a picture, with transposed convolutions, scripted")
def unet(small: bool) -> Model:
    return _unet(small, upsample=False)


@recipe("U-Net with nn.Upsample, scripted")
def unet_upsampled(small: bool) -> Model:
    return _unet(small, upsample=True)


class Detector(nn.Module):
    """A box and scores for each place of a grid, returned by name."""

    CELL = 16
    CLASSES = 5

    def __init__(self, size: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, 16), (16, 32), (32, 64), (64, 64)):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.SiLU()]
        self.backbone = nn.Sequential(*layers)
        self.places = nn.Conv2d(64, 4, 1)
        self.classes = nn.Conv2d(64, self.CLASSES, 1)
        middles = torch.arange(size // self.CELL) * float(self.CELL) + self.CELL / 2
        self.register_buffer("centres", torch.cartesian_prod(middles, middles))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.backbone(x)
        places = self.places(x).flatten(2).transpose(1, 2)
        centres = self.centres + torch.tanh(places[..., :2]) * 8.0
        sizes = torch.exp(places[..., 2:].clamp(-2.0, 2.0)) * 16.0
        boxes = torch.cat([centres - sizes * 0.5, centres + sizes * 0.5], dim=-1)
        scores = self.classes(x).flatten(2).transpose(1, 2).softmax(-1)
        return {"boxes": boxes, "scores": scores}


@recipe("detector with a dictionary of boxes and scores, scripted")
def detector(small: bool) -> Model:
    size = 64 if small else 256
    return _image_model(script(settle(Detector(size), _batches(size))), size)
