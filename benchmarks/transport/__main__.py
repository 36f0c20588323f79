from benchmarks.transport.command import main

main()
