"""What the packer makes: everything that the extension names, nothing else, and the same bytes every time."""

import json
import re
import struct
import subprocess
import tomllib
import zlib

import pytest

from tests.support.tools import tool
from tools import pack_extension
from tools.make_icons import SIZES, icon
from tools.pack_extension import (
    EXTENSION,
    ROOT,
    STATIC,
    PackError,
    extension_id,
    packed,
    references,
    with_key,
    write_zip,
)

MANAGED = EXTENSION / "settings" / "managed_schema.json"
POLICY = EXTENSION / "policy" / "managed.json"


@pytest.fixture(scope="module")
def files():
    return packed()


@pytest.fixture
def manifest(files):
    return json.loads(files["manifest.json"])


def test_the_permissions_are_these_and_no_host_is_asked_for_at_the_installation(manifest):
    assert manifest["permissions"] == ["activeTab", "offscreen", "scripting", "sidePanel", "storage", "tabCapture"]
    assert manifest["optional_host_permissions"] == ["https://*/*", "http://*/*"]
    granted = {
        "host_permissions",
        "content_scripts",
        "web_accessible_resources",
        "externally_connectable",
        "optional_permissions",
    }
    assert not granted & manifest.keys()
    assert (manifest["manifest_version"], manifest["incognito"]) == (3, "not_allowed")
    assert "key" not in manifest, "the store gives a key of its own"
    assert int(manifest["minimum_chrome_version"]) >= 116, "an older browser is told by Chrome at the installation"


def test_no_code_comes_from_elsewhere_and_none_is_made_of_text(files, manifest):
    policy = manifest["content_security_policy"]["extension_pages"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert (rules["default-src"], rules["script-src"], rules["style-src"]) == ("'none'", "'self'", "'self'")
    assert not re.search("unsafe|data:|blob:", policy)
    plain = [source for source in rules["connect-src"].split() if source.startswith(("http:", "ws:"))]
    assert all("//localhost:" in source or "//127.0.0.1:" in source for source in plain), "speech travels encrypted"
    for name, content in files.items():
        if name.endswith((".js", ".html")):
            text = content.decode()
            assert not re.search(
                r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write", text
            ), name
            assert not re.search(r"""(?:from|import|src=|href=)\s*\(?["']?(?:https?:)?//""", text), name


def test_every_file_that_a_module_page_or_style_names_is_packed(files, manifest):
    named = {target for name, content in files.items() for target in references(name, content)}
    assert {
        "page/findings/findings.js",
        "page/transcript/transcript.js",
        "page/visit/outbox.js",
        "page/styles/style.css",
        "offscreen/interleave.js",
    } <= named
    assert named <= files.keys()
    assert {*manifest["icons"].values(), *manifest["action"]["default_icon"].values()} <= files.keys()
    assert manifest["background"]["service_worker"] in files
    assert {manifest["side_panel"]["default_path"], manifest["options_ui"]["page"]} <= files.keys()
    assert manifest["storage"]["managed_schema"] in files
    assert not [name for name in files if name.startswith("policy/")]


def test_the_modules_of_the_page_are_those_of_the_server_and_no_copy_lies_in_the_repository(files):
    ours = {
        path.relative_to(EXTENSION).as_posix(): path.read_bytes() for path in EXTENSION.rglob("*") if path.is_file()
    }
    page = {name: content for name, content in files.items() if name.startswith("page/")}
    assert not [name for name in ours if name.startswith("page/")]
    assert all(content == (STATIC / name.removeprefix("page/")).read_bytes() for name, content in page.items())
    assert not set(page.values()) & set(ours.values())
    assert not {"page/app.js", "page/index.html", "page/visit/signin.js"} & page.keys(), "only what is needed"


PARSE = """
const { SourceTextModule } = require("node:vm");
const files = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
for (const [identifier, code] of Object.entries(files)) new SourceTextModule(code, { identifier });
console.log(Object.keys(files).length);
"""
"""Reads every module as `node --check` does, in one process."""


def parsed(modules):
    command = [tool("node"), "--experimental-vm-modules", "--no-warnings", "-e", PARSE]
    return subprocess.run(command, input=json.dumps(modules), capture_output=True, text=True, check=False)


def test_node_reads_every_module_and_finds_a_fault_in_one_that_is_broken(files):
    modules = {name: content.decode() for name, content in files.items() if name.endswith(".js")}
    read = parsed(modules)
    assert (read.returncode, read.stderr, int(read.stdout)) == (0, "", len(modules))
    assert len(modules) > 20
    broken = parsed({"broken.js": "export const one = ;"})
    assert broken.returncode == 1
    assert "broken.js:1" in broken.stderr


def test_the_zip_has_the_same_bytes_every_time_and_stays_small(files, tmp_path):
    for name in ("one.zip", "two.zip"):
        write_zip(packed(), tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert (tmp_path / "one.zip").stat().st_size < 150_000


def test_an_unpacked_folder_has_the_same_id_everywhere_and_the_version_of_the_project(files):
    manifest = json.loads(with_key(files)["manifest.json"])
    assert re.fullmatch(r"[a-p]{32}", extension_id(manifest["key"]))
    assert manifest["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_a_file_that_is_named_and_not_there_is_told(tmp_path, monkeypatch):
    (tmp_path / "a.js").write_text('import { x } from "./page/nothing.js";')
    monkeypatch.setattr(pack_extension, "EXTENSION", tmp_path)
    with pytest.raises(PackError, match=r"^extension/a\.js names page/nothing\.js, which is not there$"):
        packed()


def test_the_icons_are_png_of_their_sizes_in_the_colour_of_the_page():
    for size in SIZES:
        drawn = icon(size)
        assert struct.unpack(">8s8xII", drawn[:24]) == (b"\x89PNG\r\n\x1a\n", size, size)
        row = 1 + 4 * size
        pixels = zlib.decompress(drawn[41:-16])
        assert len(pixels) == row * size
        assert pixels[4] == 0, "the corners are clear"
        middle = pixels[row * (size // 2) + 1 + 4 * (size // 2) :][:4]
        assert min(middle) > 0xA0, "a bar of white"


def test_the_policy_of_a_managed_rollout_names_one_extension_and_sets_what_the_schema_allows():
    policy = json.loads(POLICY.read_text())
    name = "EXTENSION_ID"
    assert policy["ExtensionSettings"].keys() == policy["3rdparty"]["extensions"].keys() == {name}
    for rule in ("AudioCaptureAllowedUrls", "LocalNetworkAccessAllowedForUrls", "LocalNetworkAllowedForUrls"):
        assert policy[rule] == [f"chrome-extension://{name}"]
    schema = json.loads(MANAGED.read_text())["properties"]
    kinds = {"array": list, "number": int | float, "string": str}
    for key, value in policy["3rdparty"]["extensions"][name].items():
        assert isinstance(value, kinds[schema[key]["type"]]), key
