"""How well a setting of the input separates pairs, and which setting is the likeliest.

The accuracy of a few hundred pairs cannot tell settings apart: the threshold moves along with the
distances. d' can: the distance of the means of the two kinds of pairs, in standard deviations.
"""

from collections.abc import Mapping

import numpy as np

from dataset.preprocessing import Preprocessing

# In parts of d': on LFW (MobileFaceNet) a scale of 128 instead of 127.5 changes it by a thousandth,
# swapped colours by a tenth and more.
MARGIN = 0.02
_ONE = (1.0, 1.0, 1.0)
# (mean, scale) as people train with, besides the setting that is given.
NORMALISATIONS = (
    ((127.5,) * 3, (127.5,) * 3),
    ((127.5,) * 3, (128.0,) * 3),
    ((0.0,) * 3, (255.0,) * 3),
    ((0.0,) * 3, _ONE),
    # ImageNet's mean and deviation of R, G and B (torchvision's models), times 255.
    ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
)


def settings(given: Preprocessing) -> list[Preprocessing]:
    """Return ``given`` and the likely settings, none twice, those of its colour order first."""
    found = [given]
    for colour in (given.colour, *({"bgr", "rgb"} - {given.colour})):
        own = given._replace(colour=colour)
        found += [own, *(_with(colour, mean, scale) for mean, scale in NORMALISATIONS)]
    return list(dict.fromkeys(found))


def _with(colour: str, mean: tuple[float, ...], scale: tuple[float, ...]) -> Preprocessing:
    # Means are known for R, G and B.
    step = 1 if colour == "rgb" else -1
    return Preprocessing(colour, mean[::step], scale[::step])


def d_prime(distances: np.ndarray, issame: np.ndarray) -> float:
    """Return d' of ``distances``, (N,), with the labels ``issame``, bool (N,), both kinds there.

    That is the difference of the means over the root of the mean variance (Green and Swets 1966).
    """
    same, different = distances[issame].astype(np.float64), distances[~issame].astype(np.float64)
    spread = np.sqrt((same.var() + different.var()) / 2)
    return float((different.mean() - same.mean()) / max(spread, 1e-12))


def likeliest(given: Preprocessing, separation: Mapping[Preprocessing, float]) -> str:
    """Return the likeliest reading of ``separation``, d' by setting, in one sentence."""
    best = max(separation, key=lambda form: separation[form])
    if separation[best] <= (1 + MARGIN) * separation[given]:
        return f"{given} fits best: colour order and normalisation look right."
    numbers = f"d' {separation[best]:.2f} against {separation[given]:.2f}"
    other = given._replace(colour=best.colour)
    if best.colour != given.colour and separation[best] <= (1 + MARGIN) * separation[other]:
        return f"the colours are swapped: COLOUR={best.colour} separates better ({numbers})."
    return f"the network was likelier trained with {best} ({numbers})."
