"""How a peer is measured: it says when it is ready, begins when it is told to, and says what it did."""

import json
import sys
import time


def work(run) -> None:
    """Calls `run` once for each line that comes in, and prints its answer with the seconds it took, of the clock and of the processor."""
    print("ready", flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = run()
        print(json.dumps({**answer, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}), flush=True)
