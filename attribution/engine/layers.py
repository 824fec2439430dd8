"""Layers that compute exactly the same in less time. They replace layers of a network when it is loaded."""

from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional

# In-place activations save memory without gradients. With gradients they need more: autograd clones their input first.


class ReLU6(nn.ReLU6):
    """In place only where no gradient is computed."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.relu6(input, inplace=not input.requires_grad)


class Hardswish(nn.Hardswish):
    """In place only where no gradient is computed."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.hardswish(input, inplace=not input.requires_grad)


class SiLU(nn.SiLU):
    """In place only where no gradient is computed."""

    def forward(self, input: Tensor) -> Tensor:
        return functional.silu(input, inplace=not input.requires_grad)


ACTIVATIONS: dict[type[nn.Module], type[nn.Module]] = {nn.ReLU6: ReLU6, nn.Hardswish: Hardswish, nn.SiLU: SiLU}


class PaddedConv2d(Conv2dSame):
    """A convolution whose padding depends on the size of its input, as in TensorFlow. Only the border is filled."""

    def forward(self, x: Tensor) -> Tensor:
        pads = [_pad(*given) for given in zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True)]
        padded: Tensor = _Pad.apply(x, *pads) if any(map(any, pads)) else x
        return functional.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def _pad(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """The zeros before and after a row of `size` pixels."""
    whole = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return whole // 2, whole - whole // 2


class _Pad(torch.autograd.Function):
    """functional.pad with zeros fills the whole output first, and so writes it twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        height, width = x.shape[-2:]
        top, left = rows[0], columns[0]
        ctx.inside = (..., slice(top, top + height), slice(left, left + width))
        last = x.stride(3) == x.shape[1] and x.is_contiguous(memory_format=torch.channels_last)
        padded = torch.empty(
            (*x.shape[:2], height + sum(rows), width + sum(columns)),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last if last else torch.contiguous_format,
        )
        padded[..., :top, :] = padded[..., top + height :, :] = 0
        padded[..., :left] = padded[..., left + width :] = 0
        padded[ctx.inside] = x
        return padded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0][ctx.inside], None, None


def quicken(module: nn.Module, device: torch.device) -> None:
    """Replaces layers of the network, in place. Results do not change, not even in the last bit."""
    for layer in module.modules():
        if type(layer) in ACTIVATIONS and layer.inplace:
            layer.__class__ = ACTIVATIONS[type(layer)]
        elif type(layer) is Conv2dSame and device.type == "cpu":
            layer.__class__ = PaddedConv2d
