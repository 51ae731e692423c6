"""Which voice and language of Twilio's `<Say>` a job gets: docs/voice-markup.md, voices of Twilio.

A pair that Twilio does not have makes the whole `<Say>` fail, so a wish that cannot be met is replaced and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

#: the old voices `man` and `woman`: locale -> the language as Twilio spells it for them.
_BASIC: Final[Mapping[str, str]] = {"en-US": "en", "en-GB": "en-gb", "es-ES": "es", "fr-FR": "fr", "de-DE": "de"}

#: the locales of the voice `alice`.
_ALICE: Final = frozenset(
    {
        *("ca-ES", "da-DK", "de-DE", "en-AU", "en-CA", "en-GB", "en-IN", "en-US", "es-ES", "es-MX", "fi-FI", "fr-CA"),
        *("fr-FR", "it-IT", "ja-JP", "ko-KR", "nb-NO", "nl-NL", "pl-PL", "pt-BR", "pt-PT", "ru-RU", "sv-SE", "zh-CN"),
        *("zh-HK", "zh-TW"),
    }
)

#: one Amazon Polly voice per locale.
_POLLY: Final[Mapping[str, str]] = {
    "arb": "Polly.Zeina",
    "cy-GB": "Polly.Gwyneth",
    "da-DK": "Polly.Naja",
    "de-DE": "Polly.Marlene",
    "en-AU": "Polly.Nicole",
    "en-GB": "Polly.Amy",
    "en-IN": "Polly.Raveena",
    "en-US": "Polly.Joanna",
    "es-ES": "Polly.Conchita",
    "es-MX": "Polly.Mia",
    "es-US": "Polly.Penelope",
    "fr-CA": "Polly.Chantal",
    "fr-FR": "Polly.Celine",
    "hi-IN": "Polly.Aditi",
    "is-IS": "Polly.Dora",
    "it-IT": "Polly.Carla",
    "ja-JP": "Polly.Mizuki",
    "ko-KR": "Polly.Seoyeon",
    "nb-NO": "Polly.Liv",
    "nl-NL": "Polly.Lotte",
    "pl-PL": "Polly.Ewa",
    "pt-BR": "Polly.Vitoria",
    "pt-PT": "Polly.Ines",
    "ro-RO": "Polly.Carmen",
    "ru-RU": "Polly.Tatyana",
    "sv-SE": "Polly.Astrid",
    "tr-TR": "Polly.Filiz",
}
_LOCALE_OF_POLLY: Final = {voice: locale for locale, voice in _POLLY.items()}

#: what a language without a region, or with one nobody speaks here, becomes.
_DEFAULT_LOCALE: Final[Mapping[str, str]] = {
    "ar": "arb",
    "ca": "ca-ES",
    "cmn": "zh-CN",
    "cy": "cy-GB",
    "da": "da-DK",
    "de": "de-DE",
    "en": "en-US",
    "es": "es-ES",
    "fi": "fi-FI",
    "fr": "fr-FR",
    "hi": "hi-IN",
    "is": "is-IS",
    "it": "it-IT",
    "ja": "ja-JP",
    "ko": "ko-KR",
    "nb": "nb-NO",
    "nl": "nl-NL",
    "no": "nb-NO",
    "pl": "pl-PL",
    "pt": "pt-PT",
    "ro": "ro-RO",
    "ru": "ru-RU",
    "sv": "sv-SE",
    "tr": "tr-TR",
    "zh": "zh-CN",
}
_FALLBACK_LOCALE: Final = "en-US"
_NAMED_VOICE = re.compile(r"(Polly|Google)\.[A-Za-z0-9-]{1,60}")
_LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}|[0-9]{3}))?")


@dataclass(frozen=True, slots=True)
class Speaker:
    """The attributes of `<Say>`; None leaves one out, which means the account's own setting.

    Attributes:
        not_honoured: the wishes that could not be met, of "locale" and "voice".
    """

    voice: str | None
    language: str | None
    not_honoured: tuple[str, ...] = ()


def speaker(locale: str | None, voice: str | None) -> Speaker:
    """Return who speaks.

    Args:
        locale: the wanted language, for example `en-GB`, `en_GB` or `en`; None for no wish.
        voice: `Man`, `Woman`, `Alice`, `Amazon Polly`, or a voice's own name such as `Polly.Amy`; None for no wish.
    """
    named = _NAMED_VOICE.fullmatch(voice.strip()) if voice else None
    if named:
        return _named(named[0], locale)
    spoken, honoured = _closest(locale)
    missed = () if honoured else ("locale",)
    match (voice or "").strip().lower():
        case "":
            return _anyone(spoken, missed)
        case "man" | "woman" as basic if spoken is None or spoken in _BASIC:
            return Speaker(basic, _BASIC[spoken] if spoken else None, missed)
        case "alice" if spoken is None or spoken in _ALICE:
            return Speaker("alice", spoken, missed)
        case "amazon polly" | "polly" if (spoken or _FALLBACK_LOCALE) in _POLLY:
            return Speaker(_POLLY[spoken or _FALLBACK_LOCALE], spoken or _FALLBACK_LOCALE, missed)
        case _:
            return _anyone(spoken, (*missed, "voice"))


def _anyone(spoken: str | None, missed: tuple[str, ...]) -> Speaker:
    if spoken is None:
        return Speaker(None, None, missed)
    return Speaker("alice" if spoken in _ALICE else _POLLY[spoken], spoken, missed)


def _named(voice: str, locale: str | None) -> Speaker:
    """Return a voice by its own name; one whose language we know keeps it, since a wrong pair would stay silent."""
    own = _LOCALE_OF_POLLY.get(voice)
    wanted = _normalised(locale)
    if own is None:
        return Speaker(voice, wanted, ("locale",) if locale and wanted is None else ())
    closest, _ = _closest(locale)
    return Speaker(voice, own, ("locale",) if locale and closest != own else ())


def _closest(locale: str | None) -> tuple[str | None, bool]:
    """Return the nearest locale Twilio speaks, and whether it is the wanted one; (None, True) without a wish."""
    if not locale:
        return None, True
    wanted = _normalised(locale)
    if wanted is None:
        return _FALLBACK_LOCALE, False
    if wanted in _ALICE or wanted in _POLLY:
        return wanted, True
    language, _, region = wanted.partition("-")
    default = _DEFAULT_LOCALE.get(language)
    return default or _FALLBACK_LOCALE, default is not None and (not region or wanted == "cmn-CN")


def _normalised(locale: str | None) -> str | None:
    """Return `en_gb` as `en-GB`; None if it has not the form of a locale."""
    parts = _LOCALE.fullmatch(locale.strip()) if locale else None
    if parts is None:
        return None
    language, region = parts[1].lower(), parts[2]
    return f"{language}-{region.upper()}" if region else language
