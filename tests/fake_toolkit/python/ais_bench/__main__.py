from ais_bench.infer.__main__ import main

main()
