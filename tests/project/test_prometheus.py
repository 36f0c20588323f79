"""Alert rules and dashboard under docker/, judged by Debian's Prometheus over a real server."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp.test_utils import TestServer, unused_port

from inference.extraction.llm.client import VllmExtractor
from inference.extraction.rules.engine import RulesExtractor
from inference.pipeline import Pipeline
from server.app import ENDPOINTS, METRICS
from tests.support.fakes import ONE_PAUSE, LevelAsr, LoudnessVad, speech
from tests.support.live import Server, serving
from tests.support.model_server import as_json, completion, serving_model
from tests.support.tools import tool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docker" / "prometheus" / "rules.yml"
DASHBOARD = ROOT / "docker" / "grafana" / "drtranscribe.json"


def promtool(*arguments: str | Path) -> str:
    told = subprocess.run([tool("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout


def rules() -> list[dict]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict]:
    return json.loads(DASHBOARD.read_text())["panels"]


def test_prometheus_takes_the_configuration_and_the_rules():
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", RULES)
    promtool("check", "config", ROOT / "docker" / "prometheus" / "prometheus.yml")


def test_every_alert_fires_when_it_should_and_is_silent_when_all_is_well():
    cases = ROOT / "tests" / "data" / "alerts.yml"
    promtool("test", "rules", cases)
    tests = yaml.safe_load(cases.read_text())["tests"]
    asked = [(case["alertname"], bool(case.get("exp_alerts"))) for test in tests for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in rules()}
    assert {name for name, fires in asked if fires} == names
    assert {name for name, fires in asked if not fires} == names


def test_an_alert_says_what_happened_and_how_urgent_it_is():
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith((".", "?"))


def expressions() -> dict[str, str]:
    """What is asked of Prometheus: of an alert the value that it compares with a bound."""
    compared = {rule["alert"]: re.sub(r"\s*(==|>|<)\s*[\d.]+$", "", rule["expr"]) for rule in rules()}
    shown = {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in panels()
        for target in panel["targets"]
    }
    return compared | shown


def test_every_metric_of_the_server_that_is_to_be_watched_is_on_the_dashboard():
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    for metric in (
        "lag_seconds_bucket", "late_chunks_total", "refused_total", "second_tries_total", "ungrounded_total",
        "store_seconds_bucket", "extractor_up", "cached_prompt_tokens_total", "audit_up",
    ):  # fmt: skip
        assert f"drtranscribe_{metric}" in shown


def test_the_panels_of_the_dashboard_lie_beside_each_other():
    taken = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(taken)) == len(taken)
    assert len({panel["id"] for panel in panels()}) == len(taken)


@asynccontextmanager
async def prometheus(tmp_path: Path, target: str) -> AsyncIterator[str]:
    """A Prometheus that scrapes `target` four times a second with our rules; the address of its API."""
    config = {
        "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "drtranscribe", "static_configs": [{"targets": [target]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = unused_port()
    process = await asyncio.create_subprocess_exec(
        tool("prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    )
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        process.terminate()
        await process.wait()


async def results(http: aiohttp.ClientSession, api: str, expression: str) -> list[dict]:
    try:
        async with http.get(f"{api}/query", params={"query": expression}) as response:
            told = await response.json()
    except aiohttp.ClientError:  # it has not started yet
        return []
    assert told["status"] == "success", (expression, told)
    return told["data"]["result"]


async def counted(_: object) -> object:
    usage = {"prompt_tokens": 900, "prompt_tokens_details": {"cached_tokens": 600}}
    return await as_json(completion({"operations": []}) | {"usage": usage})


async def use(server: Server) -> None:
    """A consultation, and one that is refused."""
    async with server.connect() as client:
        await client.start()
        await client.say(speech((1.0, 0.5), (2.0, 0)))
        await client.finish()
    async with server.connect() as client:
        await client.say({"type": "start_session", "consent": False})
        await client.close_code()
    server.app[METRICS].store_seconds.observe(0.002)


async def test_every_expression_of_rules_and_dashboard_returns_a_series_from_a_real_server(tmp_path):
    missing = dict(expressions())
    assert len(missing) >= 40
    async with serving_model(counted) as model:
        pipeline = Pipeline(LoudnessVad(), LevelAsr(), [RulesExtractor(), VllmExtractor(model.url)], ONE_PAUSE)
        async with serving(pipeline, metrics_port=0) as server, TestServer(server.app[ENDPOINTS].private()) as private:
            await use(server)
            async with prometheus(tmp_path, f"127.0.0.1:{private.port}") as api:
                async with asyncio.timeout(60):
                    while missing:
                        for name, expression in list(missing.items()):
                            if await results(server.http, api, expression):
                                del missing[name]
                        await asyncio.sleep(0.25)
                (up,) = await results(server.http, api, "up")
                assert up["value"][1] == "1"
                (cached,) = await results(server.http, api, "drtranscribe_cached_prompt_tokens_total > 0")
                assert int(cached["value"][1]) % 600 == 0
                async with server.http.get(f"{api}/rules") as response:
                    loaded = (await response.json())["data"]["groups"][0]["rules"]
                assert {rule["name"]: rule["health"] for rule in loaded if rule["health"] != "ok"} == {}
    assert not missing


@pytest.mark.parametrize("name", ["datasource.yml", "dashboards.yml"])
def test_grafana_is_given_the_dashboard_and_its_source(name):
    given = yaml.safe_load((ROOT / "docker" / "grafana" / name).read_text())
    assert given["apiVersion"] == 1
    if name == "datasource.yml":
        assert {panel["datasource"]["uid"] for panel in panels()} == {given["datasources"][0]["uid"]}
