"""AIPP: the NPU's own input stage, which normalises uint8 pixels while it reads them."""

from common.shapes import SIDE
from dataset.preprocessing import Preprocessing


def config(form: Preprocessing) -> str:
    """Return the AIPP configuration for atc's ``--insert_op_conf``: uint8 NHWC, 112x112.

    The format is called RGB888_U8 whatever the order of the channels. The input files have them
    in the order that the network expects, so nothing is swapped; AIPP computes
    (x - min) * var_reci for each.
    """
    lines = [
        "aipp_mode: static",
        "input_format: RGB888_U8",
        f"src_image_size_w: {SIDE}",
        f"src_image_size_h: {SIDE}",
        "crop: false",
        "csc_switch: false",
        "rbuv_swap_switch: false",
        *(f"min_chn_{channel}: {mean}" for channel, mean in enumerate(form.mean)),
        *(f"var_reci_chn_{channel}: {1 / scale:.12f}" for channel, scale in enumerate(form.scale)),
    ]
    return "aipp_op {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"
