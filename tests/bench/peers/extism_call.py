"""Extism as the peer of a plugin call: one instance, called again and again from its Python host.

    extism_call.py COMPONENT INPUT CALLS

Each line that comes in names the function. The answer has each call's time, so that it can be told from the loop around it.
"""

import json
import sys
import time

import extism

module, body, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(module, "rb") as file:
    plugin = extism.Plugin(file.read(), wasi=False)
with open(body, "rb") as file:
    body = file.read()

print("ready", flush=True)
for line in sys.stdin:
    function = line.strip()
    plugin.call(function, body)
    walls, cpu = [], time.process_time()
    for _ in range(calls):
        started = time.perf_counter()
        # The caller gets the bytes as they are; by default they would be copied once more into a string.
        out = plugin.call(function, body, parse=lambda buffer: buffer)
        walls.append(time.perf_counter() - started)
    cpu = time.process_time() - cpu
    walls.sort()
    print(json.dumps({"cpu_s": cpu / calls, "wall_s": walls[len(walls) // 2], "bytes": len(bytes(out))}), flush=True)
