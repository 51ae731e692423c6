from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.segments import segments

EXTENSION = "\f^{}\\[~]|€"
#: 3GPP TS 23.038, default alphabet, row by row from 0x00, without the escape at 0x1B
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
gsm_characters = st.sampled_from(ALPHABET + EXTENSION * 5)
other_characters = st.characters(min_codepoint=0x2600, max_codepoint=0x1F6FF, codec="utf-8")


def long_texts(characters: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of up to 600 characters: most that `st.text` draws fit into one segment."""
    return st.builds(str.__mul__, st.text(characters, min_size=1, max_size=20), st.integers(1, 30))


gsm_texts, other_texts = long_texts(gsm_characters), long_texts(other_characters)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 1600, 11),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("`" + "a" * 69, 1),
        ("`" + "a" * 70, 2),
    ],
)
def test_a_text_takes_as_many_segments_as_its_alphabet_needs(text: str, count: int) -> None:
    assert segments(text) == count


@pytest.mark.parametrize("character", EXTENSION)
def test_a_character_of_the_extension_table_takes_two_septets(character: str) -> None:
    assert [segments(character * 80), segments(character * 81)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a" * 152 + "€" + "a" * 151, 2),  # 305 septets, but the pair begins the second segment, with 151 behind it
        ("a" * 152 + "€" + "a" * 152, 3),  # 306 septets would fit, had the pair been split
        ("€" * 152, 2),  # 76 pairs in each, and a septet left over in both
        ("€" * 153, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 66, 2),  # 33 pairs in each, and a unit left over in both
        ("😀" * 67, 3),
        ("ж" * 66 + "😀" + "ж" * 66, 3),
    ],
)
def test_what_takes_two_units_is_not_split_between_two_segments(text: str, count: int) -> None:
    assert segments(text) == count


@pytest.mark.parametrize("character", ["`", "ç", "\t", "“", "\u00a0", "ѐ", "😀"])
def test_one_character_outside_the_alphabet_turns_the_whole_text_into_ucs_2(character: str) -> None:
    assert [segments("a" * 100), segments("a" * 99 + character)] == [1, 2]


def test_the_alphabet_has_127_characters_besides_its_escape() -> None:
    assert len(set(ALPHABET)) == 127
    assert segments(ALPHABET) == 1


@given(gsm_texts)
@example("a" * 152 + "€" + "a" * 152)
def test_a_text_of_the_gsm_alphabet_fills_its_segments_one_after_the_other(text: str) -> None:
    assert segments(text) == filled([2 if one in EXTENSION else 1 for one in text], alone=160, joined=153)


@given(other_texts)
def test_any_other_text_fills_its_segments_with_utf_16(text: str) -> None:
    assert segments(text) == filled([len(one.encode("utf-16-be")) // 2 for one in text], alone=70, joined=67)


@given(gsm_texts | other_texts, gsm_texts | other_texts)
def test_more_text_never_takes_fewer_segments(text: str, more: str) -> None:
    assert segments(text) <= segments(text + more)


def filled(widths: list[int], *, alone: int, joined: int) -> int:
    """Count by cutting: each segment takes the most of what is left that fits whole."""
    if sum(widths) <= alone:
        return 1
    count = 0
    while widths:
        taken = max(n for n in range(1, min(len(widths), joined) + 1) if sum(widths[:n]) <= joined)
        count, widths = count + 1, widths[taken:]
    return count
