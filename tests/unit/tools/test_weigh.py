"""`python -m host.tools.weigh` says what a block of memory is used for."""

from array import array

from host.tools.weigh import Image, Weight, table

LIST, ITEMS, OTHER, FOREIGN = 0, 32, 64, 96
"""Where the blocks are; what an object needs is 8 bytes behind."""


def image() -> Image:
    words = array("I", bytes(128))
    words[(LIST + 8 + 12) // 4] = ITEMS + 8  # ob_item
    words[(ITEMS + 8) // 4] = OTHER + 8
    words[FOREIGN // 4 + 1] = 7
    return Image(
        words.tobytes(),
        [(LIST + 8, "list", "m")],
        [(LIST, 32), (ITEMS, 32), (OTHER, 32), (FOREIGN, 28)],
    )


def test_a_block_belongs_to_the_object_in_it_or_to_what_points_to_it() -> None:
    assert image().kinds == {
        LIST: ("list", "m"),
        ITEMS: ("items of lists", "m"),
        OTHER: ("of a items of lists", "m"),
    }


def test_blocks_are_counted_by_kind_and_by_module() -> None:
    weights = {one.what: (one.blocks, one.bytes, one.not_zero) for one in image().weights(0)}
    assert weights["not of Python"] == (1, 28, 1)
    assert weights["list"] == (1, 32, 1)
    modules = {one.what: one.blocks for one in image().weights(1)}
    assert modules == {"m": 3, "not of Python": 1}


def test_the_table_adds_up_the_light_ones() -> None:
    text = table(
        [Weight("a", 1, 2000, 3, 4), Weight("b", 1, 1, 1, 1), Weight("c", 2, 2, 2, 2)], most=1
    )
    assert text.splitlines()[2:] == ["| a | 1 | 2,000 | 3 | 4 |", "| 2 others | 3 | 3 | 3 | 3 |"]
