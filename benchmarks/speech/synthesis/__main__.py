from benchmarks.speech.synthesis.command import main

main()
