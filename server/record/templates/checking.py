"""Tries a site's templates before a server starts with them, in a process of their own.

    python -m server.record.templates.checking FOLDER

Each template is read and rendered with sample records. The process prints its faults as a JSON list of lines and ends
with status 0. One that never ends, or fills the memory, ends this process and not the server.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from server.record.templates.catalogue import BUILTIN, TemplateFailed, TemplatesError, catalogue
from server.record.templates.environment import rendered
from server.record.templates.sample import samples

WITHIN_S = 60.0
MEMORY_BYTES = 1 << 30
TO_DO = "correct it, or take the file out of the folder"


def check(folder: Path) -> None:
    """Raises TemplatesError where a template of the folder cannot be used."""
    root = str(Path(__file__).parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", __name__, str(folder)]
    environment = {**os.environ, "PYTHONPATH": path}
    try:
        tried = subprocess.run(command, capture_output=True, timeout=WITHIN_S, env=environment, check=False)
        faults = json.loads(tried.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        faults = [f"--templates: trying the templates of {folder} took too much time or memory: look for endless loops"]
    if faults:
        raise TemplatesError(faults)


def faults_of(folder: Path) -> list[str]:
    """A line for each template of the folder that cannot be used: file, line, reason and what to do."""
    try:
        found = catalogue(folder)
    except TemplatesError as error:
        return error.faults
    faults = []
    for template in found.values():
        if template.path.parent == BUILTIN:
            continue
        try:
            for record in samples():
                rendered(record, template.name, folder)
        except TemplateFailed as error:
            faults.append(f"--templates: {folder}/{error}: {TO_DO}")
    return faults


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (int(WITHIN_S / 2), int(WITHIN_S / 2)))
    print(json.dumps(faults_of(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
