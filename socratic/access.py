"""Who may do what on the page: its owner everything, visitors of a public one only to look and ask.

Read from the environment once, by `app.py`, and handed on as one `Access`:

    SOCRATIC_PUBLIC=1                  public mode; so is every Hugging Face Space
    SOCRATIC_ADAPTERS=RUN,RUN          runs a public page shows (else those its Space was made with)
    SOCRATIC_ROUNDS=ROUND,ROUND        rating rounds it offers (else those its Space was made with)
    SOCRATIC_AUTH=user:password        who may log in; or a file with such lines
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from socratic.decoding import Decoding
from socratic.errors import UsageError

PUBLIC = "SOCRATIC_PUBLIC"
ADAPTERS = "SOCRATIC_ADAPTERS"
ROUNDS = "SOCRATIC_ROUNDS"
AUTH = "SOCRATIC_AUTH"
UNPROTECTED = "--allow-unprotected"
_SWITCHES = {"": False, "0": False, "no": False, "false": False}
_SWITCHES |= {"1": True, "yes": True, "true": True}
Login = tuple[str, str]


@dataclass(frozen=True)
class Limits:
    """What one question of a visitor may take, so that all of them get their answers.

    characters: of the context. systems: models asked at once, with or without their adapters.
    waiting: questions of one visitor in the queue. queue: of all visitors together.
    """

    characters: int = 4_000
    systems: int = 8
    beams: int = 4
    candidates: int = 3
    new_tokens: int = 150
    waiting: int = 3
    queue: int = 200

    def check(self, context: str, systems: int, decoding: Decoding) -> None:
        """Raise UsageError naming everything that is asked beyond the limits."""
        asked = {
            "characters": (len(context), self.characters),
            "models at once": (systems, self.systems),
            "beams": (decoding.beams, self.beams),
            "candidates": (decoding.candidates, self.candidates),
            "new tokens": (decoding.max_new_tokens, self.new_tokens),
        }
        beyond = [
            f"at most {most:,} {what}, not {wanted:,}"
            for what, (wanted, most) in asked.items()
            if wanted > most
        ]
        if beyond:
            raise UsageError(f"This public page allows {'; '.join(beyond)}.")

    @property
    def knobs(self) -> dict[str, int]:
        """The highest value of each decoding knob that has a limit here."""
        most = {"beams": self.beams, "candidates": self.candidates}
        return most | {"max_new_tokens": self.new_tokens}

    @property
    def sentence(self) -> str:
        """What a visitor may ask, in words."""
        return (
            f"Everyone's page, so each question has its limits: {self.characters:,} characters, "
            f"{self.systems} models, {self.beams} beams, {self.candidates} candidates and "
            f"{self.new_tokens} new tokens; visitors are answered in turn."
        )


@dataclass(frozen=True)
class Access:
    """What the page offers, and to whom. limits: None for the owner's own page.

    adapters: ids of the runs a public page shows. rounds: of blind rating it offers. logins: never
    part of any text.
    """

    limits: Limits | None = None
    adapters: tuple[str, ...] = ()
    rounds: tuple[str, ...] = ()
    logins: tuple[Login, ...] = field(default=(), repr=False)

    @property
    def public(self) -> bool:
        """Whether this is everyone's page: look, ask and rate, nothing else."""
        return self.limits is not None

    def check_host(self, host: str, unprotected: bool) -> None:
        """Raise UsageError where an owner's page would be open to others without a password."""
        if self.public or self.logins or unprotected or _local(host):
            return
        raise UsageError(
            f"On {host!r} everyone who reaches this machine could train, delete and read here; "
            f"set {AUTH}=user:password, or {PUBLIC}=1 for a page to look and ask only, or say "
            f"{UNPROTECTED}."
        )


OWNER = Access()


def on_a_space(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this is a Hugging Face Space."""
    return bool(environ.get("SPACE_ID")) or environ.get("SYSTEM") == "spaces"


def of_environment(environ: Mapping[str, str] = os.environ) -> Access:
    """Return what the environment asks for; raise UsageError for what it cannot mean."""
    public = on_a_space(environ) or _switch(environ.get(PUBLIC, ""))
    return Access(
        limits=Limits() if public else None,
        adapters=_names(environ.get(ADAPTERS, "")),
        rounds=_names(environ.get(ROUNDS, "")),
        logins=_logins(environ.get(AUTH, "")),
    )


def _names(value: str) -> tuple[str, ...]:
    return tuple(name for name in map(str.strip, value.split(",")) if name)


def _switch(value: str) -> bool:
    if value.strip().lower() not in _SWITCHES:
        raise UsageError(f"{PUBLIC} is {value!r}; set it to 1, or to nothing.")
    return _SWITCHES[value.strip().lower()]


def _logins(value: str) -> tuple[Login, ...]:
    """Return users with their passwords. No message repeats any of it: it is a secret."""
    if not value:
        return ()
    text = value
    if ":" not in value or Path(value).is_file():
        try:
            text = Path(value).expanduser().read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise UsageError(
                f"{AUTH} is neither user:password nor a readable file of such lines."
            ) from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    logins = tuple((user, password) for user, _, password in (x.partition(":") for x in lines))
    if not logins or not all(user and password for user, password in logins):
        raise UsageError(f"{AUTH} needs user:password, one on each line; neither may be empty.")
    return logins


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
