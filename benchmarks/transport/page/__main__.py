"""What the people in front of the page wait for, and what it costs their computer."""

from benchmarks.transport.page.command import main

main()
