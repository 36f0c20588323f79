"""Where the log goes and how much of it: our own modules at the level that was asked for, libraries at WARNING.

At DEBUG the clients of model servers write whole prompts, which are what a patient said.
"""

import logging

OWN = ("server", "inference")
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: str) -> None:
    """Logs to stderr; `level` as in the setting `log_level`."""
    logging.basicConfig(level=logging.WARNING, format=FORMAT)
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
