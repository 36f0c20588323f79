"""Every attack, the worst first: a run that has too little time leaves out the end of the list."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from benchmarks.attack.aim import Aim
from benchmarks.attack.attacks import (
    chatter,
    contracts,
    doors,
    floods,
    outages,
    parsers,
    strangers,
    talkers,
    uploads,
    viewers,
)
from benchmarks.attack.target import Setup


def _forgetting_after(seconds: float) -> tuple[str, ...]:
    """Flags: a session that its client left ends after so many seconds, and is forgotten after as many."""
    return "--resume-ttl-s", f"{seconds:g}", "--retention", f"{seconds:g}"


MAIN = Setup(flags=("--max-sessions", "64", *_forgetting_after(2)))
"""Sessions that one attack leaves behind are over before the next one counts memory."""

OTHERS = Setup(
    flags=(
        *("--max-sessions", "64", "--legacy", "--max-files", str(uploads.PLACES)),
        *("--request-timeout-s", f"{uploads.BODY_S:g}", "--send-timeout-s", f"{viewers.READ_S:g}"),
        *_forgetting_after(2),
    )
)
"""For clients of other protocols, recordings and viewers."""

LOCKED = replace(MAIN, keys=True)
IMPATIENT = Setup(flags=("--max-sessions", "64", "--idle-timeout-s", "3", *_forgetting_after(outages.TTL_S)), staged=())
FORGETFUL = replace(
    IMPATIENT,
    environment=(
        ("PYTHONMALLOC", "malloc"),
        ("GLIBC_TUNABLES", "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"),
    ),
)
"""With the allocator of the images, which overwrites what is freed: docs/deploy.md promises no more without that."""
CROWDED = Setup(flags=("--max-sessions", str(doors.PLACES)), staged=())
NARROW = Setup(staged=(), nofile=1024)
BROKEN = tuple(
    Setup(flags=_forgetting_after(2), staged=("--fault", fault)) for fault in ("extractor", "merging", "codes")
)
BESIDE_MODEL = Setup(flags=("--vllm-url", "http://127.0.0.1:{port}/v1"), staged=())
TALKING = Setup(staged=("--hostile-talk",))
SLOW = Setup(flags=("--shutdown-grace-s", f"{outages.GRACE_S:g}"), staged=("--slow", "0.5"))
UNAVAILABLE = frozenset({"extraction_unavailable", "extraction_failed", "extraction_late"})


@dataclass(frozen=True, slots=True)
class Attack:
    run: Callable[[Aim], Awaitable[None]]
    setup: Setup = MAIN
    variant: str = ""
    beside: bool = True
    """A good session runs beside it."""
    timed: bool = True
    may_end: bool = False
    least_s: float = 0.0
    """It needs this long to show anything."""
    served: bool = True
    """It needs a server at all."""
    allowed: frozenset[str] = frozenset()
    """Errors that the good session may be told, once each."""

    @property
    def name(self) -> str:
        return "-".join((*self.run.__name__.split("_"), *self.variant.split()))

    @property
    def does(self) -> str:
        """The first sentence of its docstring."""
        return " ".join((self.run.__doc__ or "").split())


ATTACKS: tuple[Attack, ...] = (
    Attack(floods.big_first_message),
    Attack(floods.wide_and_deep_first_message),
    Attack(floods.big_later_messages),
    Attack(floods.unfinished_frames),
    Attack(floods.junk_messages),
    Attack(floods.junk_audio),
    Attack(chatter.valid_messages, least_s=8),
    Attack(chatter.tiny_frames),
    Attack(chatter.many_names, least_s=8),
    Attack(strangers.attempts_without_a_key, LOCKED, least_s=8),
    Attack(doors.malformed_requests),
    Attack(doors.rebinding, beside=False),
    Attack(doors.unknown_language, beside=False),
    *(
        Attack(outages.broken_extraction, setup, setup.staged[1], allowed=UNAVAILABLE)
        for setup in BROKEN
        if setup.staged
    ),
    Attack(uploads.slow_recordings, OTHERS),
    Attack(uploads.recordings_at_once, OTHERS),
    Attack(uploads.silent_hours, OTHERS),
    Attack(uploads.endless_forms, OTHERS),
    Attack(viewers.unread_streams, OTHERS),
    Attack(outages.drain, SLOW, beside=False, may_end=True),
    Attack(outages.stall, IMPATIENT, timed=False),
    Attack(outages.forgotten_sessions, FORGETFUL),
    Attack(floods.silent_connections, NARROW),
    Attack(doors.abandoned_starts, CROWDED, least_s=14),
    Attack(outages.hostile_model_server, BESIDE_MODEL, allowed=UNAVAILABLE),
    Attack(parsers.hostile_records, TALKING, beside=False),
    Attack(parsers.regular_expressions, beside=False, served=False, least_s=90),
    Attack(doors.strange_headers),
    Attack(viewers.crowd_of_viewers, OTHERS),
    Attack(viewers.absurd_last_event_ids, OTHERS),
    Attack(uploads.cut_off_recordings, OTHERS),
    Attack(contracts.wrong_messages_at_listen, OTHERS),
    Attack(contracts.wrong_messages_of_the_legacy_contract, OTHERS),
    Attack(contracts.wrong_queries_at_listen, OTHERS, beside=False),
    Attack(floods.slow_reader),
    Attack(floods.slow_request_line, least_s=16),
    Attack(doors.hostile_resumes),
    Attack(doors.wrong_rates),
    Attack(talkers.random_messages),
    Attack(talkers.random_frames),
    Attack(talkers.random_requests),
    Attack(parsers.hostile_audio_files, beside=False, served=False),
)
