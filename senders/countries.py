"""Countries: the one a number belongs to, the codes a configuration may name, and those without sender IDs.

The country of a number comes from its range, never from its dial code: `+1` is 25 countries, `+7` two, `+44` four.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Final

import phonenumbers

from trunkline_client.limits import NUMBER_FORM

#: what the library calls a range that belongs to no country: +800, +808, +870, +878, +881 to +883, +888, +979.
_NON_GEOGRAPHIC: Final = "001"
#: a parse costs about 15 us and a dispatch asks up to six times for one recipient, so a short memory is enough.
_REMEMBERED_NUMBERS: Final = 4096

_DATA: Final[dict[str, list[str]]] = json.loads((files("senders") / "data" / "countries.json").read_text("utf-8"))

#: where a sender ID is not delivered, so that an own number is used instead (`docs/selection.md`, Sender IDs).
WITHOUT_SENDER_IDS: Final = frozenset(_DATA["without_sender_ids"])

#: every code a configuration may name: the regions the numbering plans know (ISO 3166-1 alpha-2, and AC, TA and XK,
#: which have ranges of their own) and the seven ISO codes without any range. Taken from the library that answers
#: `country_of`, so no country can be reached that a rule cannot name.
COUNTRIES: Final = frozenset(phonenumbers.SUPPORTED_REGIONS) | frozenset(_DATA["without_numbering"])


@lru_cache(maxsize=_REMEMBERED_NUMBERS)
def country_of(e164: str) -> str | None:
    """Return the alpha-2 code of the country a number belongs to, None if that is unknown.

    Unknown are numbers that are not E.164, ranges of no country (+800, +88x) and ranges nobody assigned.
    """
    # the library reads letters and full-width digits too: without this, +1800FLOWERS is a number
    parsed = parsed_number(e164) if NUMBER_FORM.fullmatch(e164) else None
    if parsed is None:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    return None if region == _NON_GEOGRAPHIC else region


@lru_cache(maxsize=_REMEMBERED_NUMBERS)
def parsed_number(e164: str) -> phonenumbers.PhoneNumber | None:
    """Return a number as the library reads it, to be changed by nobody; None if it cannot."""
    try:
        return phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
