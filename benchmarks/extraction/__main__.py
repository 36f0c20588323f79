from benchmarks.extraction.command import main

main()
