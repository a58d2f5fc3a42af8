"""Layers of the encoders in 2D and 3D, and the trunk of a ResNet."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["RESNETS", "RESNET_FEATURES", "convolution", "resnet_trunk"]

RESNETS: dict[str, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}
"""Blocks of each stage."""

RESNET_FEATURES = 512
"""Length of what a ResNet's trunk gives."""


def convolution(rank: int, inward: int, outward: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation and rectifier of the rank."""
    return nn.Sequential(*_normed(rank, inward, outward, stride=stride, kernel=kernel), nn.ReLU(inplace=True))


def resnet_trunk(kind: str, rank: int) -> nn.Sequential:
    """Trunk of a ResNet (He et al., CVPR 2016) for one channel: (n, 1, [z], y, x) to (n, 512).

    The published stem (7 x 7, stride 2, maximum over 3 x 3, stride 2) and stages of 64, 128, 256 and 512 channels; in
    volumes every kernel has one more axis of the same length.

    Parameters
    ----------
    kind
        A key of :data:`RESNETS`.
    rank
        Number of spatial axes, 2 or 3.
    """
    pool, mean = (nn.MaxPool2d, nn.AdaptiveAvgPool2d) if rank == 2 else (nn.MaxPool3d, nn.AdaptiveAvgPool3d)
    parts: list[nn.Module] = [convolution(rank, 1, 64, stride=2, kernel=7), pool(3, stride=2, padding=1)]
    inward = 64
    for stage, blocks in enumerate(RESNETS[kind]):
        outward = 64 * 2**stage
        for block in range(blocks):
            parts.append(_Block(rank, inward, outward, stride=2 if stage and not block else 1))
            inward = outward
    trunk = nn.Sequential(*parts, mean(1), nn.Flatten())
    for module in trunk.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return trunk


class _Block(nn.Module):
    """Two convolutions added to their input, which is projected where the shape changes."""

    def __init__(self, rank: int, inward: int, outward: int, *, stride: int) -> None:
        super().__init__()
        self.first = convolution(rank, inward, outward, stride=stride)
        self.second = _normed(rank, outward, outward)
        same = stride == 1 and inward == outward
        self.shortcut = nn.Identity() if same else _normed(rank, inward, outward, stride=stride, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(self.first(x)) + self.shortcut(x)
        return functional.relu(out, inplace=True)


def _normed(rank: int, inward: int, outward: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution and batch normalisation of the rank."""
    convolve, norm = (nn.Conv2d, nn.BatchNorm2d) if rank == 2 else (nn.Conv3d, nn.BatchNorm3d)
    return nn.Sequential(
        convolve(inward, outward, kernel, stride=stride, padding=kernel // 2, bias=False), norm(outward)
    )
