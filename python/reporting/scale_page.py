"""A page in English or Chinese -> the same with its tables of figures filled in."""

from __future__ import annotations

import re

from common.errors import ChainError
from common.table import aligned
from reporting.scale_tables import GUIDE

_CHINESE = {
    "network": "网络", "engine": "引擎", "precision": "精度", "batch": "batch", "node": "节点",
    "img/s": "img/s", "faces/s": "人脸/秒", "accuracy": "准确率", "measured": "测量日期",
    "node hours": "节点小时", "nodes, 1 day": "1 天所需节点", "nodes, 1 hour": "1 小时所需节点",
    "faces": "人脸数", "shards": "分片数", "float32": "float32", "float16": "float16",
    "listing": "清单", "done records": "完成记录", "pictures": "图片", "files": "文件数",
    "stage": "环节", "one of": "单位", "of the fastest node's rate": "与最快节点之比",
    "inference, ": "推理,", "decoding JPEG": "JPEG 解码", "core": "核",
    "writing embeddings": "写入特征", "disk": "磁盘",
    "reading pictures, 1 Gbit/s": "读图片,1 Gbit/s", "link": "链路", "driver": "驱动进程",
    "looking through a folder tree": "遍历目录树", "listing a folder tree": "生成清单",
    "verifying float32 at a restart": "重启时校验 float32",
    "verifying float16 at a restart": "重启时校验 float16",
    "before the first shard": "首个分片之前", "after the last": "最后分片之后",
    "restart, float32": "重启,float32", "restart, float16": "重启,float16",
    "inputs": "输入数", "at the start, MB": "启动时 MB", "listing, MB": "生成清单 MB",
    "looking, MB": "检查 MB", "greatest, MB": "最大 MB", "listed a second": "每秒列出",
    "ms a shard, looking": "每分片检查毫秒", "ms a shard, finishing": "每分片收尾毫秒",
    GUIDE: "指南,仅设备",
}  # fmt: skip


def filled(page: str, found: dict[str, list[list[str]]], chinese: bool) -> str:
    """Return the text ``page`` with each of the tables between its two marks.

    Raises ``ChainError`` where the page has no place for one.
    """
    for name, rows in found.items():
        table = aligned(_translated(rows) if chinese else rows)
        between = re.compile(rf"(<!-- scale {name} -->\n).*?(<!-- /scale -->)", re.DOTALL)
        page, count = between.subn(lambda m, t=table: f"{m[1]}\n{t}\n\n{m[2]}", page)
        if count != 1:
            raise ChainError(f"the page has {count} places <!-- scale {name} -->; give it one.")
    return page


def _translated(rows: list[list[str]]) -> list[list[str]]:
    def said(cell: str) -> str:
        for prefix in ("10^6: ", "10^8: ", "10^9: ", ""):
            if cell.startswith(prefix) and cell[len(prefix) :] in _CHINESE:
                return prefix + _CHINESE[cell[len(prefix) :]]
        if cell.startswith("inference, "):
            return _CHINESE["inference, "] + cell[len("inference, ") :]
        return cell

    return [[said(cell) for cell in row] for row in rows]
