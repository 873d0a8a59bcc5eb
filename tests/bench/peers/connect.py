"""Redpanda Connect as the peer of the whole way, in the form that a wheel brings it: its own HTTP server and pipeline, in
Go, and mq-bridge's file behind it, in Rust, synced for each batch before the sender is answered.

    connect.py PORT SCHEMA FILE THREADS
"""

import pathlib
import sys
import threading

import mq_bridge
import mq_bridge_connect

port, schema, path, threads = sys.argv[1:]
PIPELINE = f"""
input:
  http_server: {{ address: 127.0.0.1:{port}, path: /records, timeout: 60s }}
pipeline:
  threads: {threads}
  processors:
    - mapping: 'root = content().string().trim_suffix("\\n")'
    - unarchive: {{ format: lines }}
    - json_schema: {{ schema_path: "file://{schema}" }}
    - catch:
        - mapping: 'root = {{"error": error(), "record": content().string()}}'
    - archive: {{ format: lines }}
logger: {{ level: ERROR }}
"""

mq_bridge_connect.register()

def run() -> None:
    mq_bridge.Route.from_config(
        {
            "input": {"custom": {"name": "connect", "config": {"yaml": PIPELINE}}},
            "output": {"file": {"path": path, "format": "raw", "fsync": "batch"}},
        }
    ).run()


# A route that has not started after five seconds, as on a busy machine, ends; one that runs for longer has.
route = threading.Thread(target=run, daemon=True)
route.start()
route.join(timeout=6)
if not route.is_alive():
    sys.exit("its route did not start within five seconds")
pathlib.Path(path).with_name("ready").touch()
route.join()
