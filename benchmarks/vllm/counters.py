"""vLLM's own counters, as its /metrics page has them."""

from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

COUNTED = (
    "vllm:num_requests_running",
    "vllm:num_requests_waiting",
    "vllm:prefix_cache_queries_total",
    "vllm:prefix_cache_hits_total",
    "vllm:generation_tokens_total",
)


@dataclass(frozen=True, slots=True)
class Counters:
    """Sums over all engines of one server; `finished` counts the answers by what ended them (stop, length, abort)."""

    running: int
    waiting: int
    prompt_tokens: int
    cached_tokens: int
    generated_tokens: int
    finished: dict[str, int]

    def since(self, before: "Counters") -> "Counters":
        """What was added after `before`; how many run and wait is as now."""
        return Counters(
            self.running,
            self.waiting,
            self.prompt_tokens - before.prompt_tokens,
            self.cached_tokens - before.cached_tokens,
            self.generated_tokens - before.generated_tokens,
            {reason: count - before.finished.get(reason, 0) for reason, count in self.finished.items()},
        )

    @property
    def cached_share(self) -> float:
        """Prompt tokens that the prefix cache answered, of all."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


def parse(text: str) -> Counters:
    """Raises KeyError where `text` is not vLLM's page (0.12 or newer)."""
    totals: dict[str, int] = {}
    finished: dict[str, int] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in COUNTED:
                totals[sample.name] = totals.get(sample.name, 0) + int(sample.value)
            elif sample.name == "vllm:request_success_total":
                reason = sample.labels["finished_reason"]
                finished[reason] = finished.get(reason, 0) + int(sample.value)
    running, waiting, prompt, cached, generated = (totals[name] for name in COUNTED)
    return Counters(running, waiting, prompt, cached, generated, finished)


async def read(root: str) -> Counters:
    """Of the server at `root` (http://HOST:PORT). Raises aiohttp.ClientError where it does not answer."""
    async with (
        aiohttp.ClientSession(raise_for_status=True) as http,
        http.get(f"{root}/metrics", timeout=aiohttp.ClientTimeout(10)) as response,
    ):
        return parse(await response.text())
