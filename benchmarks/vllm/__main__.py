from benchmarks.vllm.command import main

main()
