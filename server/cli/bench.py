"""`drtranscribe bench`: how many sessions a server carries, and what each of them waits for."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from server.cli.command import KEY_VARIABLE, fail

Option = typer.Option


def bench(
    url: Annotated[str | None, Option(help="A running server, such as ws://127.0.0.1:8765/ws.")] = None,
    key_file: Annotated[
        Path | None, Option(help=f"File that holds the key for --url; else the variable {KEY_VARIABLE}.")
    ] = None,
    model: Annotated[str | None, Option(help="Start a server with this model (default: base).")] = None,
    fakes: Annotated[
        bool, Option("--fakes", help="Start a server without models: what the server itself costs.")
    ] = False,
    sessions: Annotated[str, Option(help="How many at once; with commas, one number after the other.")] = "4,8,12",
    seconds: Annotated[float, Option(help="Audio in each session.")] = 60.0,
    warmup_s: Annotated[float, Option(help="Of each session, left out of the statistics.")] = 15.0,
    chunk_s: Annotated[float, Option(help="Length of a chunk.")] = 3.0,
    bound_s: Annotated[float, Option(help="What p95 of the coverage lag must stay under.")] = 4.5,
    repeat: Annotated[int, Option(help="Runs of each number; medians are reported.")] = 1,
    aligned: Annotated[bool, Option("--aligned", help="All chunks arrive at the same instant.")] = False,
    corpus: Annotated[Path | None, Option(help="Folder of NAME.flac with NAME.json, for the word error rate.")] = None,
    output: Annotated[Path | None, Option(help="FILE.json; a table FILE.md and a plot FILE.png go beside it.")] = None,
) -> None:
    """Measure how many live sessions a server carries. `python -m benchmarks.load --help` has more to set."""
    if sum((url is not None, model is not None, fakes)) > 1:
        fail("--url, --model and --fakes exclude each other: give one of them", 2)
    given: dict[str, object] = {
        "url": url,
        "key-file": key_file,
        "model": model,
        "sweep": sessions,
        "seconds": seconds,
        "warmup-s": warmup_s,
        "chunk-s": chunk_s,
        "bound-s": bound_s,
        "repeat": repeat,
        "corpus": corpus,
        "output": output,
    }
    flags = [f"--{name}={value}" for name, value in given.items() if value is not None]
    flags += ["--fakes"] * fakes + ["--arrivals=aligned"] * aligned
    try:
        load = import_module("benchmarks.load.command")  # by name: the server starts without benchmarks too
        load.main(flags)
    except ModuleNotFoundError as error:
        fail(f"drtranscribe bench needs {error.name}: pip install 'drtranscribe[bench]'")
