"""`python -m server` is `drtranscribe`."""

from server.cli.entry import main

main()
