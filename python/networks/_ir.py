"""IR and IR-SE residual backbones (ArcFace, arXiv:1801.07698; SE, arXiv:1709.01507).

Module names follow the public reference (InsightFace_Pytorch, commit 350ff7a),
so that its state dicts load unchanged.
"""

from torch import Tensor, nn

from networks._blocks import L2Norm

# Units per stage for output widths 64, 128, 256 and 512.
STAGES = {50: (3, 4, 14, 3), 100: (3, 13, 30, 3), 152: (3, 8, 36, 3)}
WIDTHS = (64, 128, 256, 512)
SE_REDUCTION = 16


class SEModule(nn.Module):
    """Squeeze-excitation: scale each channel by a gate computed from its global mean."""

    def __init__(self, channels: int):
        super().__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, channels // SE_REDUCTION, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv2d(channels // SE_REDUCTION, channels, 1, bias=False)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(self.avg_pool(x)))))


class Unit(nn.Module):
    """One residual unit; with ``se`` its residual passes a squeeze-excitation gate."""

    def __init__(self, in_channels: int, channels: int, stride: int, se: bool):
        super().__init__()
        if in_channels == channels:
            self.shortcut_layer: nn.Module = nn.MaxPool2d(1, stride)
        else:
            self.shortcut_layer = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False),
                nn.BatchNorm2d(channels),
            )
        layers = [
            nn.BatchNorm2d(in_channels),
            nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
        ]
        if se:
            layers.append(SEModule(channels))
        self.res_layer = nn.Sequential(*layers)

    def branch_norm(self) -> nn.BatchNorm2d:
        """Return the batch-norm whose weight sets the size of the residual."""
        return self.res_layer[4]

    def forward(self, x: Tensor) -> Tensor:
        return self.res_layer(x) + self.shortcut_layer(x)


class Backbone(nn.Module):
    """Map float32 (N, 3, 112, 112) crops to float32 (N, 512) unit-length embeddings.

    ``depth`` is 50, 100 or 152; ``se`` selects IR-SE instead of plain IR units.
    """

    def __init__(self, depth: int, se: bool):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, WIDTHS[0], 3, 1, 1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.PReLU(WIDTHS[0]),
        )
        units, channels = [], WIDTHS[0]
        for width, count in zip(WIDTHS, STAGES[depth], strict=True):
            for index in range(count):
                units.append(Unit(channels, width, 2 if index == 0 else 1, se))
                channels = width
        self.body = nn.Sequential(*units)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(512 * 7 * 7, 512),
            nn.BatchNorm1d(512),
        )
        self.l2_norm = L2Norm()

    def forward(self, x: Tensor) -> Tensor:
        return self.l2_norm(self.output_layer(self.body(self.input_layer(x))))
