"""A file on Google Drive, by gdown."""

from pathlib import Path

from tqdm import tqdm

from common.errors import FetchError
from fetch import web_page

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces
RETRIES = 2


def fetch(identifier: str, partial: Path) -> None:
    """Bring the Google Drive file ``identifier`` whole into ``partial``.

    gdown keeps a cut transfer beside ``partial`` and goes on with it. Raises ``FetchError``.
    """
    try:
        import gdown
        import requests
    except ImportError:
        raise FetchError("gdown is not installed in this Python environment") from None
    partial.unlink(missing_ok=True)
    with tqdm(unit="B", unit_scale=True, leave=False, disable=None) as bar:

        def progress(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            gdown.download(
                id=identifier,
                output=str(partial),
                quiet=True,
                use_cookies=False,
                resume=True,
                progress=progress,
                timeout=TIMEOUT,
                retries=RETRIES,
            )
        except (gdown.exceptions.DownloadError, requests.RequestException) as error:
            raise FetchError(_reason(str(error))) from None
        except gdown.exceptions.FileURLRetrievalError as error:
            raise FetchError(_reason(str(error))) from None


def _reason(text: str) -> str:
    if "NameResolution" in text or "resolve" in text:
        return "its server's name does not resolve"
    if web_page.is_quota(text):
        return "its download quota is used up; try tomorrow"
    return " ".join(text.split())[:200].rstrip(".") or "gdown failed"
