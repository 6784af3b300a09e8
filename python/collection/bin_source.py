"""A verification .bin: its images by their numbers. It is read into memory as a whole."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from collection import sources
from collection.sources import Input, Source, UnreadableError
from dataset import verification_bin


class BinSource(Source):
    """Key and offset: the number of the image. Labels of a .bin are of pairs, not of images."""

    kind = sources.BIN

    def __init__(self, root: Path, only: str) -> None:
        super().__init__(root, only)
        self._images: list = []

    def inputs(self) -> Iterator[Input]:
        (path,) = self.paths()
        modified = path.stat().st_mtime_ns
        for number, image in enumerate(verification_bin.read(path).images):
            size = len(image) if isinstance(image, (bytes, np.ndarray)) else None
            yield Input(str(number), None, path.name, number, size, modified)

    def content(self, one: Input) -> bytes:
        self.opened(one)  # also finds that it has changed
        if not self._images:
            self._images = verification_bin.read(self.root / one.file).images
        image = self._images[one.offset]
        if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 1:
            image = image.tobytes()
        if not isinstance(image, bytes):
            raise UnreadableError(f"{one.key} is a {type(image).__name__}, not JPEG or PNG")
        return image
