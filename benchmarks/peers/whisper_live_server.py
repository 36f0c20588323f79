"""WhisperLive's server with batching on. Runs in its own environment, so it imports nothing of this project.

The wheel carries no command; this calls what its `run_server.py --batch_inference` calls. Its VAD is the one inside the
faster-whisper package, so nothing is downloaded.
"""

import argparse

from whisper_live.server import TranscriptionServer

FOREVER_S = 24 * 3600


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--model", required=True, help="folder in CTranslate2's format")
    parser.add_argument("--max-clients", type=int, required=True)
    parser.add_argument("--max-batch", type=int, required=True)
    parser.add_argument("--window-ms", type=int, required=True)
    args = parser.parse_args()
    TranscriptionServer().run(
        "127.0.0.1",
        port=args.port,
        backend="faster_whisper",
        faster_whisper_custom_model_path=args.model,
        single_model=True,
        max_clients=args.max_clients,
        max_connection_time=FOREVER_S,
        batch_enabled=True,
        batch_max_size=args.max_batch,
        batch_window_ms=args.window_ms,
        # It would turn sessions away once requests wait 0.5 s, or when more than 5 a second arrive. The sweep asks how
        # it serves N sessions, so all of them are let in.
        batch_max_queue_wait_s=FOREVER_S,
        batch_max_admissions_per_s=1000.0,
    )


if __name__ == "__main__":
    main()
