"""IResNet backbones of insightface's arcface_torch (ArcFace, arXiv:1801.07698).

Module names follow its backbones/iresnet.py, so that its state dicts load unchanged. Trained on
RGB crops (x / 255 - 0.5) / 0.5; the network itself gives no unit length.
"""

from torch import Tensor, nn

# Units per stage for output widths 64, 128, 256 and 512.
STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 14, 3),
    100: (3, 13, 30, 3),
    200: (6, 26, 60, 6),
}
WIDTHS = (64, 128, 256, 512)


class Unit(nn.Module):
    """One residual unit; nothing follows its sum. The first of a stage projects its shortcut."""

    def __init__(self, in_channels: int, channels: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        # Without entries where there is nothing to project, as in the checkpoints.
        self.downsample: nn.Module = nn.Identity()
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def branch_norm(self) -> nn.BatchNorm2d:
        """Return the batch-norm whose weight sets the size of the residual."""
        return self.bn3

    def forward(self, x: Tensor) -> Tensor:
        residual = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(residual)) + self.downsample(x)


class Backbone(nn.Module):
    """Map float32 (N, 3, 112, 112) crops to float32 (N, 512) embeddings of any length.

    ``depth`` is 18, 34, 50, 100 or 200.
    """

    def __init__(self, depth: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.prelu = nn.PReLU(WIDTHS[0])
        channels = WIDTHS[0]
        for stage, (width, count) in enumerate(zip(WIDTHS, STAGES[depth], strict=True), start=1):
            first = Unit(channels, width, 2)
            rest = (Unit(width, width, 1) for _ in range(count - 1))
            self.add_module(f"layer{stage}", nn.Sequential(first, *rest))
            channels = width
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))
