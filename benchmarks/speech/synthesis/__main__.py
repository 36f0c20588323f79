from benchmarks.speech.synthesis.speak import main

main()
