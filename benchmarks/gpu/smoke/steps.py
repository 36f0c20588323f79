"""The steps by name, in the order of their worth, each with the time that it may take. Imports no step before it runs.

A step yields what it knows, the last time all of it: what was told stays when the rest hangs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.gpu.smoke.bench import Bench


@dataclass(frozen=True, slots=True)
class Step:
    """`where` is module:function below this package. `alone`: in a process of its own, with `environment`."""

    name: str
    where: str
    limit_s: float
    alone: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def parts(self, bench: "Bench") -> Iterator[dict[str, Any]]:
        module, _, function = self.where.partition(":")
        found: Iterator[dict[str, Any]] = getattr(import_module(f"benchmarks.gpu.smoke.{module}"), function)(bench)
        return found


STEPS = (
    Step("host", "host:host", 30),
    Step("compute_types", "host:compute_types", 10),
    Step("toy_against_cpu", "agreement:toy", 40),
    Step("tiny_en_against_cpu", "agreement:tiny_en", 25),
    Step("first_call", "whisper:first_call", 75),
    Step("decode", "whisper:decode", 40),
    Step("encode", "whisper:encode", 15),
    Step("workers", "whisper:workers", 15),
    Step("align", "whisper:align", 15),
    Step("pool_off", "whisper:pool", 20, alone=True, environment={"SMOKE_POOL": "off"}),
    Step("pool_on", "whisper:pool", 20, alone=True, environment={"SMOKE_POOL": "on"}),
    Step("beside", "beside:beside", 20),
    Step("torch_encoder", "ceiling:encoder", 15),
    Step("graph_decoder", "ceiling:decoder", 15),
)
