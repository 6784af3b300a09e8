"""A folder tree of pictures; who is on a picture is the folder that it lies in."""

from collections.abc import Iterator

from collection import sources
from collection.sources import Input, Source, UnreadableError


class FolderSource(Source):
    """Key: the path below the source. Label: its folder below the source, where there is one."""

    kind = sources.PICTURES

    def inputs(self) -> Iterator[Input]:
        for entry in sources.files(self.root, self.kind):
            key = sources.below(self.root, entry.path)
            status = entry.stat()
            label = key.rpartition("/")[0] or None
            yield Input(key, label, key, 0, status.st_size, status.st_mtime_ns)

    def content(self, one: Input) -> bytes:
        self.close()  # each picture is a file of its own
        content = sources.at(self.opened(one), one, one.bytes + 1)
        if len(content) != one.bytes:
            raise UnreadableError(f"{one.key} has changed since it was listed")
        return content
