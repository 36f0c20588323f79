from benchmarks.chaos.command import main

main()
