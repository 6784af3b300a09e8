"""MobileFaceNet, 512-d (arXiv:1804.07573), in the public reference's state-dict layout."""

from torch import Tensor, nn

from networks._blocks import L2Norm


class ConvBlock(nn.Module):
    """Convolution and batch-norm, followed by PReLU unless ``linear``."""

    def __init__(
        self, inp: int, out: int, kernel: int, stride=1, padding=0, groups=1, linear=False
    ):
        super().__init__()
        self.conv = nn.Conv2d(inp, out, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out)
        if not linear:
            self.prelu = nn.PReLU(out)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return x if self.linear else self.prelu(x)


class DepthWise(nn.Module):
    """1x1 expansion, 3x3 depthwise convolution, 1x1 linear projection."""

    def __init__(self, inp: int, out: int, groups: int, stride: int, residual: bool = False):
        super().__init__()
        self.conv = ConvBlock(inp, groups, 1)
        self.conv_dw = ConvBlock(groups, groups, 3, stride, 1, groups)
        self.project = ConvBlock(groups, out, 1, linear=True)
        self.residual = residual

    def branch_norm(self) -> nn.BatchNorm2d:
        """Return the batch-norm whose weight sets the size of the residual."""
        return self.project.bn

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class Residual(nn.Module):
    """``count`` residual depth-wise units of one width."""

    def __init__(self, channels: int, count: int, groups: int):
        super().__init__()
        self.model = nn.Sequential(
            *(DepthWise(channels, channels, groups, 1, residual=True) for _ in range(count))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class MobileFaceNet(nn.Module):
    """Map float32 (N, 3, 112, 112) crops to float32 (N, 512) unit-length embeddings."""

    def __init__(self):
        super().__init__()
        self.conv1 = ConvBlock(3, 64, 3, 2, 1)
        self.conv2_dw = ConvBlock(64, 64, 3, 1, 1, groups=64)
        self.conv_23 = DepthWise(64, 64, 128, 2)
        self.conv_3 = Residual(64, 4, 128)
        self.conv_34 = DepthWise(64, 128, 256, 2)
        self.conv_4 = Residual(128, 6, 256)
        self.conv_45 = DepthWise(128, 128, 512, 2)
        self.conv_5 = Residual(128, 2, 256)
        self.conv_6_sep = ConvBlock(128, 512, 1)
        self.conv_6_dw = ConvBlock(512, 512, 7, groups=512, linear=True)
        self.conv_6_flatten = nn.Flatten()
        self.linear = nn.Linear(512, 512, bias=False)
        self.bn = nn.BatchNorm1d(512)
        self.l2_norm = L2Norm()

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_23(self.conv2_dw(self.conv1(x)))
        x = self.conv_4(self.conv_34(self.conv_3(x)))
        x = self.conv_6_dw(self.conv_6_sep(self.conv_5(self.conv_45(x))))
        return self.l2_norm(self.bn(self.linear(self.conv_6_flatten(x))))


def build() -> nn.Module:
    """Return MobileFaceNet with freshly initialised parameters, in training mode."""
    return MobileFaceNet()
