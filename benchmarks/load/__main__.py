from benchmarks.load.command import main

main()
