from benchmarks.misheard.command import main

main()
