"""`python -m server` is `drtranscribe`."""

from server.cli import main

main()
