"""The transform is Umeyama's, the crop is what warpAffine makes of it, the choice is the rule."""

import cv2
import numpy as np
import pytest

from common.errors import ChainError
from faces.alignment import TEMPLATE, crop, similarity
from faces.detector import choose

RANDOM = np.random.default_rng(7)


def turned(points: np.ndarray, scale: float, degrees: float, shift: tuple) -> np.ndarray:
    angle = np.radians(degrees)
    matrix = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return scale * points @ np.array(matrix).T + shift


@pytest.mark.parametrize("degrees", [0, 30, -90, 179])
@pytest.mark.parametrize("scale", [0.1, 1, 25])
def test_a_similarity_is_undone(degrees: float, scale: float) -> None:
    points = turned(TEMPLATE, scale, degrees, (400, -30))
    matrix = similarity(points)
    assert np.allclose(points @ matrix[:, :2].T + matrix[:, 2], TEMPLATE)
    assert np.isclose(np.linalg.det(matrix[:, :2]), scale**-2)


def test_the_example_of_the_paper() -> None:
    """Umeyama 1991, section IV: three points whose best fit would be a reflection."""
    points = np.array([(0, 0), (1, 0), (0, 2)], float)
    target = np.array([(0, 0), (-1, 0), (0, 2)], float)
    matrix = similarity(points, target)
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    assert scale == pytest.approx(0.721, abs=5e-4)
    assert matrix[:, :2] / scale == pytest.approx(
        np.array([[0.832, 0.555], [-0.555, 0.832]]), abs=5e-4
    )
    assert matrix[:, 2] == pytest.approx([-0.800, 0.400], abs=5e-4)


def test_nothing_fits_better() -> None:
    points = turned(TEMPLATE, 3, 20, (5, 6)) + RANDOM.normal(0, 4, (5, 2))
    best = similarity(points)

    def error(matrix: np.ndarray) -> float:
        return np.square(points @ matrix[:, :2].T + matrix[:, 2] - TEMPLATE).sum()

    for _ in range(200):
        a, b = RANDOM.normal(0, 1e-3, 2)
        change = np.column_stack([[[a, -b], [b, a]], RANDOM.normal(0, 0.1, 2)])
        assert error(best) <= error(best + change)


def test_points_on_one_spot_have_no_transform() -> None:
    for points in (np.full((5, 2), 40.0), np.full((5, 2), 40.0) + RANDOM.normal(0, 0.01, (5, 2))):
        with pytest.raises(ChainError, match="on one spot"):
            similarity(points)


def test_the_crop_of_a_crop_is_itself_and_what_lies_beyond_is_black() -> None:
    pixels = RANDOM.integers(1, 256, (112, 112, 3), np.uint8)
    assert np.array_equal(crop(pixels, TEMPLATE), pixels)
    moved = crop(
        pixels, TEMPLATE + np.array([10, 0])
    )  # the face is 10 pixels to the right of its place
    assert np.array_equal(moved[:, :102], pixels[:, 10:]) and not moved[:, 102:].any()
    large = cv2.resize(pixels, (336, 336), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(crop(large, 3 * TEMPLATE + 1), pixels)


@pytest.mark.parametrize(
    ("boxes", "chosen"),
    [
        ([(100, 100, 50, 50)], 0),
        ([(100, 100, 50, 50), (0, 0, 60, 60)], 0),  # a larger one at the edge
        ([(100, 100, 20, 20), (0, 0, 100, 100)], 1),  # a much larger one there
        ([(80, 80, 40, 40), (120, 120, 60, 60)], 1),  # both near the centre
        ([(0, 100, 50, 50), (150, 100, 50, 50)], 1),  # the second is nearer
        ([(75, 100, 50, 50), (125, 100, 50, 50)], 0),  # equal: the first
    ],
)
def test_the_largest_near_the_centre_is_chosen(boxes: list, chosen: int) -> None:
    faces = np.zeros((len(boxes), 14))
    faces[:, :4] = boxes
    assert choose(faces, (250, 250)) == chosen
    # Whatever the photograph's size is.
    assert choose(faces * 16, (4000, 4000)) == chosen
