"""A small git repository shaped like the public reference: same files, links, names, signatures.

Written for the tests: its networks compute what the reference's layout says, another way than
the project's own; it imports packages that are not there, as the reference does. The tests hold
it against the genuine repository where REFERENCE_REPO in the environment names one.
"""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from dataset import verification_bin

MODEL = """
import torch
from torch import nn

STAGES = {50: (3, 4, 14, 3), 100: (3, 13, 30, 3), 152: (3, 8, 36, 3)}


def l2_norm(input, axis=1):
    return torch.div(input, torch.norm(input, 2, axis, True))


class Flatten(nn.Module):
    def forward(self, x):
        return x.view(x.size(0), -1)


class Gate(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc1 = nn.Conv2d(n, n // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(n // 16, n, 1, bias=False)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(mean))))


class Unit(nn.Module):
    def __init__(self, inp, out, stride, mode):
        super().__init__()
        self.stride = stride
        self.shortcut_layer = nn.Sequential()
        if inp != out:
            conv = nn.Conv2d(inp, out, 1, stride, bias=False)
            self.shortcut_layer = nn.Sequential(conv, nn.BatchNorm2d(out))
        parts = [nn.BatchNorm2d(inp), nn.Conv2d(inp, out, 3, 1, 1, bias=False), nn.PReLU(out),
                 nn.Conv2d(out, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)]
        self.res_layer = nn.Sequential(*parts, *([Gate(out)] if mode == "ir_se" else []))

    def forward(self, x):
        if len(self.shortcut_layer):
            return self.shortcut_layer(x) + self.res_layer(x)
        return x[:, :, :: self.stride, :: self.stride] + self.res_layer(x)


class Backbone(nn.Module):
    def __init__(self, num_layers, drop_ratio, mode="ir"):
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        units, inp = [], 64
        for out, count in zip((64, 128, 256, 512), STAGES[num_layers]):
            for k in range(count):
                units.append(Unit(inp, out, 1 if k else 2, mode))
                inp = out
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(512), nn.Dropout(drop_ratio), Flatten(),
            nn.Linear(512 * 49, 512), nn.BatchNorm1d(512))
        self.body = nn.Sequential(*units)

    def forward(self, x):
        return l2_norm(self.output_layer(self.body(self.input_layer(x))))


class Block(nn.Module):
    def __init__(self, inp, out, kernel=1, stride=1, padding=0, groups=1, prelu=True):
        super().__init__()
        self.conv = nn.Conv2d(inp, out, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(out)
        if prelu:
            self.prelu = nn.PReLU(out)

    def forward(self, x):
        x = self.bn(self.conv(x))
        return self.prelu(x) if hasattr(self, "prelu") else x


class Deep(nn.Module):
    def __init__(self, inp, out, groups, stride, residual=False):
        super().__init__()
        self.residual = residual
        self.conv = Block(inp, groups)
        self.conv_dw = Block(groups, groups, 3, stride, 1, groups)
        self.project = Block(groups, out, prelu=False)

    def forward(self, x):
        y = self.project(self.conv_dw(self.conv(x)))
        return x + y if self.residual else y


class Stage(nn.Module):
    def __init__(self, width, count, groups):
        super().__init__()
        self.model = nn.Sequential(*[Deep(width, width, groups, 1, True) for _ in range(count)])

    def forward(self, x):
        return self.model(x)


class MobileFaceNet(nn.Module):
    def __init__(self, embedding_size):
        super().__init__()
        self.conv1 = Block(3, 64, 3, 2, 1)
        self.conv2_dw = Block(64, 64, 3, 1, 1, 64)
        self.conv_23 = Deep(64, 64, 128, 2)
        self.conv_3 = Stage(64, 4, 128)
        self.conv_34 = Deep(64, 128, 256, 2)
        self.conv_4 = Stage(128, 6, 256)
        self.conv_45 = Deep(128, 128, 512, 2)
        self.conv_5 = Stage(128, 2, 256)
        self.conv_6_sep = Block(128, 512)
        self.conv_6_dw = Block(512, 512, 7, groups=512, prelu=False)
        self.linear = nn.Linear(512, embedding_size, bias=False)
        self.bn = nn.BatchNorm1d(embedding_size)

    def forward(self, x):
        for layer in list(self.children())[:-2]:
            x = layer(x)
        return l2_norm(self.bn(self.linear(x.flatten(1))))
"""

VERIFACATION = """
import numpy as np
from sklearn.model_selection import KFold
from sklearn.decomposition import PCA
import sklearn
from scipy import interpolate
import datetime
import mxnet as mx


def calculate_roc(thresholds, embeddings1, embeddings2, actual_issame, nrof_folds=10, pca=0):
    dist = np.sum(np.square(embeddings1 - embeddings2), 1)
    rates = np.zeros((2, nrof_folds, len(thresholds)))
    accuracy, best = np.zeros(nrof_folds), np.zeros(nrof_folds)
    for k, (train, test) in enumerate(KFold(nrof_folds).split(dist)):
        scores = [calculate_accuracy(t, dist[train], actual_issame[train])[2] for t in thresholds]
        best[k] = thresholds[np.argmax(scores)]
        accuracy[k] = calculate_accuracy(best[k], dist[test], actual_issame[test])[2]
        for i, t in enumerate(thresholds):
            rates[:, k, i] = calculate_accuracy(t, dist[test], actual_issame[test])[:2]
    return rates[0].mean(0), rates[1].mean(0), accuracy, best


def calculate_accuracy(threshold, dist, actual_issame):
    said, same = np.less(dist, threshold), actual_issame
    tp, fp = (said & same).sum(), (said & ~same).sum()
    tn, fn = (~said & ~same).sum(), (~said & same).sum()
    return (tp / (tp + fn) if tp + fn else 0, fp / (fp + tn) if fp + tn else 0,
            (tp + tn) / len(dist))


def evaluate(embeddings, actual_issame, nrof_folds=10, pca=0):
    thresholds = np.arange(0, 4, 0.01)
    same = np.asarray(actual_issame)
    return calculate_roc(thresholds, embeddings[0::2], embeddings[1::2], same, nrof_folds)
"""

DATA_PIPE = """
from pathlib import Path
from torch.utils.data import DataLoader
from torchvision import transforms as trans
from torchvision.datasets import ImageFolder
from PIL import Image
import numpy as np
import cv2
import bcolz
import pickle
import torch
import mxnet as mx
from tqdm import tqdm

def get_train_dataset(imgs_folder):
    return ImageFolder(imgs_folder, trans.ToTensor())

def load_bin(path, rootdir, transform, image_size=[112,112]):
    bins, issame_list = pickle.load(open(path, "rb"), encoding="bytes")
    shape = [len(bins), 3, *image_size]
    data = bcolz.fill(shape, dtype=np.float32, rootdir=rootdir, mode="w")
    for i, _bin in enumerate(bins):
        img = mx.image.imdecode(_bin).asnumpy()
        data[i, ...] = transform(Image.fromarray(cv2.cvtColor(img, cv2.COLOR_RGB2BGR)))
    np.save(str(rootdir) + "_list", np.array(issame_list))
    return data, issame_list

def get_val_pair(path, name):
    return bcolz.carray(rootdir=path / name, mode="r"), np.load(path / f"{name}_list.npy")

def load_mx_rec(rec_path):
    return mx.recordio.MXIndexedRecordIO(str(rec_path / "train.idx"), str(rec_path), "r")
"""

FILES = {
    "model.py": MODEL.lstrip(),
    # The genuine ones end in the middle of their last line.
    "verifacation.py": VERIFACATION.strip(),
    "data/__init__.py": "",
    "data/data_pipe.py": DATA_PIPE.strip(),
}
# Folders of the author's machine.
LINKS = {f"work_space/{n}": f"/home/author/{n}" for n in ("history", "log", "models", "save")}


def write_tree(folder: Path) -> None:
    """Write the files and links of a checkout that is not patched yet."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for name, target in LINKS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).symlink_to(target)


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "gc.auto=0")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_repository(folder: Path) -> str:
    """Make the repository in ``folder``, its commit not the newest; return that commit."""
    write_tree(folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "first")
    commit = git(folder, "rev-parse", "HEAD")
    (folder / "model.py").write_text("raise SystemExit('the wrong commit')\n")
    git(folder, "commit", "--quiet", "-am", "second")
    return commit


def check_loader(folder: Path, work: Path) -> None:
    """Assert that load_bin of the patched checkout ``folder`` reads a set that the project wrote.

    ``work`` is a folder for the set and what it becomes.
    """
    pixels = np.random.default_rng(1).integers(0, 256, (112, 112, 3), np.uint8)
    png = cv2.imencode(".png", pixels)[1].tobytes()
    verification_bin.write(work / "set.bin", [png, png], [True])
    code = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from data.data_pipe import get_val_pair, load_bin; folder = Path(sys.argv[1]);"
        "load_bin(folder / 'set.bin', folder / 'set', lambda i: np.asarray(i).transpose(2, 0, 1));"
        "images, same = get_val_pair(folder, 'set'); np.save(folder / 'out.npy', images[:]);"
        "assert list(same) == [True] and 'mxnet' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(work)], cwd=folder, check=True)
    assert np.array_equal(np.load(work / "out.npy"), np.stack([pixels.transpose(2, 0, 1)] * 2))
