"""`python -m server` is `drtranscribe`."""

from server.cli.main import main

main()
