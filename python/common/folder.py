"""Small files by name below a folder."""

from pathlib import Path

from common.files import remove, replacing


class Folder:
    """Small files by name below ``path``: each is read and written whole."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """Return the content of the file ``name``; None where there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Have ``content`` in the file ``name``, once it is complete and on the disk."""
        with replacing(self.path / name) as temporary:
            temporary.write_bytes(content)

    def remove(self, name: str) -> None:
        """Remove the file ``name`` where there is one."""
        (self.path / name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """Return the names, sorted, of the files in ``folder``; empty where there is no such."""
        try:
            found = [path.name for path in (self.path / folder).iterdir()]
        except FileNotFoundError:
            found = []
        return sorted(f"{folder}/{name}" for name in found if not name.startswith("."))

    def clear(self) -> None:
        """Remove the folder and all that is in it."""
        remove(self.path)
