"""AIPP: the NPU's own input stage, which normalises uint8 pixels while it reads them."""

from common.shapes import SIDE

# (x - min) * var_reci = (x/255 - 0.5)/0.5, the normalisation of crops.normalise.
_MIN, _VAR_RECI = 127.5, 1 / 127.5


def config() -> str:
    """Return the AIPP configuration for atc's ``--insert_op_conf``: uint8 NHWC, 112x112.

    The format is called RGB888_U8 whatever the order of the channels; the crops are BGR, as
    the network expects, so nothing is swapped.
    """
    lines = [
        "aipp_mode: static",
        "input_format: RGB888_U8",
        f"src_image_size_w: {SIDE}",
        f"src_image_size_h: {SIDE}",
        "crop: false",
        "csc_switch: false",
        "rbuv_swap_switch: false",
        *(f"min_chn_{channel}: {_MIN}" for channel in range(3)),
        *(f"var_reci_chn_{channel}: {_VAR_RECI:.12f}" for channel in range(3)),
    ]
    return "aipp_op {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"
