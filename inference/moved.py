"""Names of modules before they were sorted into packages: importing one fails with the name that it has now.

Version 0.1 had all modules of `inference` and of `server` side by side. This file, and the line that calls `explain` in
the `__init__.py` of both, can go when a version that has them was released.
"""

import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_SORTED = (  # from, to, the modules
    (
        "inference",
        "inference.asr",
        "drafts gaps guard hypothesis language language_names partials phantoms",
    ),
    ("inference", "inference.asr.encoding", "lengths mel"),
    ("inference.asr", "inference.asr.encoding", "lengths mel"),
    ("inference", "inference.asr", "recognition words"),
    ("inference", "inference.audio", "attention downmix formats rates segmenter silence spoken vad vad_state"),
    ("inference", "inference.batching", "waiting"),
    ("inference", "inference.device", "cublas gpu memory_pool"),
    ("inference", "inference.extraction", "isolation"),
    ("inference", "inference.extraction.evidence", "merging proof"),
    ("inference", "inference.serving", "capacity engines threads warm_up"),
    ("inference", "inference.weights", "bundled models"),
    (
        "inference.extraction",
        "inference.extraction.evidence",
        "codes grounding limits retractions support",
    ),
    ("inference.extraction", "inference.extraction.llm", "prompt schema"),
    ("inference.extraction", "inference.extraction.quantities", "numbers quantity units"),
    (
        "inference.extraction",
        "inference.extraction.rules.concepts",
        "allergens anatomy attributes dosage followups medication mentions relatives vitals",
    ),
    (
        "inference.extraction",
        "inference.extraction.rules.corrections",
        "changes editing ellipsis mending ordered repairs slots standing unsaid withdrawals",
    ),
    (
        "inference.extraction",
        "inference.extraction.rules.cues",
        "answers asides context declining denials persons prescribing presupposed reports scope trigger",
    ),
    (
        "inference.extraction",
        "inference.extraction.rules.exchange",
        "enquiries functions questions resolution topics",
    ),
    (
        "inference.extraction",
        "inference.extraction.rules.facts",
        "allergies circumstances dictated draft headings naming plans prescriptions problems purposes reasons "
        "statements treatment",
    ),
    ("inference.extraction", "inference.extraction.text", "clauses dialogue tokens"),
    ("inference.extraction", "inference.extraction.words", "lexicon misheard sounds"),
    ("server", "drtranscribe", "outbox"),
    ("server", "server.cli", "audiofile command serve terminal transcribe"),
    ("server", "server.guards", "bounds hosts"),
    ("server", "server.monitoring", "log metrics request_log"),
    ("server", "server.sessions", "allowance drain events garbage patience registry session"),
    ("server", "server.sessions.intake", "arrivals pace"),
    ("server", "server.socket", "admission descriptors door listening websocket"),
)
_RENAMED = {
    "inference.batch_limits": "inference.batching.limits",
    "inference.device_faults": "inference.device.faults",
    "inference.extraction.Consultation": "inference.extraction.ExtractionRequest",
    "inference.extraction.completion": "inference.extraction.llm.responses",
    "inference.extraction.injection": "inference.extraction.speech_guard",
    "inference.extraction.quoting": "inference.extraction.evidence.grounding",
    "inference.extraction.reading": "inference.extraction.reader",
    "inference.extraction.vllm": "inference.extraction.llm.client",
    "server.bench_cli": "server.cli.bench",
    "server.client": "drtranscribe",
    "server.client_socket": "drtranscribe.socket",
    "server.engines": "server.runtime",
    "inference.stream.Stream": "inference.stream.stream.Stream",
    "server.extraction_health": "server.monitoring.health",
    "server.models_cli": "server.cli.models",
    "server.pulse": "server.socket.peer",
    "server.record_client": "drtranscribe.record",
    "server.record_route": "server.record.route",
}
_NAMES = {  # what a module defined whose name is a package now: package, module, names
    "inference.asr": ("inference.asr.whisper", "WhisperAsr MAX_TOKENS OPENERS"),
    "inference.audio": ("inference.audio.decoding", "AudioError AudioFormat PcmDecoder Samples resampled"),
    "inference.batching": ("inference.batching.batcher", "Batcher"),
    "inference.extraction.quantities": ("inference.extraction.quantities.reader", "quantities"),
    "inference.extraction.rules": ("inference.extraction.rules.engine", "RulesExtractor"),
    "inference.stream": ("inference.stream.options", "Control StreamOptions"),
    "server.cli": ("server.cli.main", "app root"),
}


def _moved() -> Iterator[tuple[str, str]]:
    """(old name, new name); of a module, or of what stands in one."""
    for old, new, modules in _SORTED:
        yield from ((f"{old}.{name}", f"{new}.{name}") for name in modules.split())
    yield from _RENAMED.items()
    for package, (module, names) in _NAMES.items():
        yield from ((f"{package}.{name}", f"{module}.{name}") for name in names.split())


MOVED = dict(_moved())


class _Explainer(MetaPathFinder):
    """Asked last, for what no other finder has found; `from PACKAGE import NAME` asks for PACKAGE.NAME as a module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if new := MOVED.get(fullname):
            # Not ModuleNotFoundError: `from server import client` would swallow it, and its message.
            raise ImportError(f"{fullname} has moved: it is {new} now", name=fullname)
        return None


def explain() -> None:
    """From here on, an import of an old name says what its new name is."""
    if not any(isinstance(finder, _Explainer) for finder in sys.meta_path):
        sys.meta_path.append(_Explainer())
