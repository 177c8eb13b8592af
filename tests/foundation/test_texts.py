import pytest
from django.core.exceptions import ValidationError

from foundation.texts import clean_line, clean_text, normalize_name

ZWNJ, ZWJ = "\u200c", "\u200d"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Meera Iyer", "Meera Iyer"),
        ("  Meera \u00a0  Iyer\u3000", "Meera Iyer"),  # all kinds of spaces become one
        ("Jose\u0301", "Jos\u00e9"),  # NFC
        ("Zoe\u200b\u0308", "Zo\u00eb"),  # NFC after the removal
        ("\ufeffMee\u00adra\u2060", "Meera"),
        ("\u200fאבי\u200e", "אבי"),
        ("Me\u200dera", "Meera"),  # Latin needs no joiner
        (f"\u0d05\u0d28\u0d28\u0d4d{ZWJ}", f"\u0d05\u0d28\u0d28\u0d4d{ZWJ}"),  # a Malayalam chillu
        (f"\u0915\u094d{ZWNJ}\u0937", f"\u0915\u094d{ZWNJ}\u0937"),
        (f"\u0639\u0644\u06cc{ZWNJ}\u0631\u0636\u0627", f"\u0639\u0644\u06cc{ZWNJ}\u0631\u0636\u0627"),  # Persian
        (f"\U0001f469{ZWJ}\U0001f373", f"\U0001f469{ZWJ}\U0001f373"),
        ("நா", "நா"),
        ("x\u0332y\u0332", "x\u0332y\u0332"),  # combining marks stay
        ("\u0604 1", "\u0604 1"),  # a visible format character
        ("O'Brien-Łukasz, Jr.", "O'Brien-Łukasz, Jr."),
        ("李", "李"),
        ("한", "한"),
        ("7", "7"),
        ("\n Meera\t", "Meera"),
    ],
)
def test_normalize_name(text, name):
    assert normalize_name(text) == name
    assert normalize_name(name) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u200b",
        "\u200b \u2060",
        ZWJ,
        "\u00ad",
        "\u0301",  # a mark without a letter
        "\u3164",  # fillers are letters without a glyph
        "\u115f\u1160",
        "\uffa0",
        "\u2800",
        "\ufe0f",
        "\U000e0041",
        "\ufdd0",
    ],
)
def test_normalize_name_refuses_a_name_without_a_visible_character(text):
    with pytest.raises(ValidationError, match="visible"):
        normalize_name(text)


@pytest.mark.parametrize(
    "character",
    [
        "\0",
        "\a",
        "\n",
        "\t",
        "\x1b",
        "\x7f",
        "\x85",
        "\ud800",
        *map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]),
    ],
)
def test_normalize_name_refuses_control_and_bidi_characters_and_names_them(character):
    with pytest.raises(ValidationError, match=rf"U\+{ord(character):04X}"):
        normalize_name(f"Meera{character}Iyer")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("first\r\nsecond\rthird\u2028fourth\x85fifth", "first\nsecond\nthird\nfourth\nfifth"),
        ("a\tb", "a\tb"),
        ("a\0b\x1b[31m\ud800\u202ec\u2066\u200b", "ab[31mc"),
        ("Jose\u0301", "Jos\u00e9"),
        (f"\u0915\u094d{ZWNJ}\u0937", f"\u0915\u094d{ZWNJ}\u0937"),
        ("\u200b\n\u202e", ""),
    ],
)
def test_clean_text(text, cleaned):
    assert clean_text(text) == cleaned


def test_clean_line_has_one_line():
    assert clean_line(" a\r\n\tb\u2029c ") == "a b c"
