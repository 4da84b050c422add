"""Counts who did what in CloudTrail's files with DuckDB, on one thread: `duckdb.py lines|lists PATTERN`.

Prints the processor time of the query alone, without the start of Python, and how many rows came of it.
"""

import json
import resource
import sys

import duckdb

FIELDS = {
    "userIdentity": "STRUCT(arn VARCHAR)",
    "eventSource": "VARCHAR",
    "eventName": "VARCHAR",
    "eventTime": "VARCHAR",
    "errorCode": "VARCHAR",
}
ASKED = """SELECT e.userIdentity.arn, e.eventSource, e.eventName,
    count(*), min(e.eventTime), max(e.eventTime), count(e.errorCode) FROM {} GROUP BY 1, 2, 3"""


def source(form, pattern):
    if form == "lines":
        return f"read_json('{pattern}', format = 'newline_delimited', columns = {FIELDS}) AS e"
    record = ", ".join(f"{name} {kind}" for name, kind in FIELDS.items())
    columns = {"Records": f"STRUCT({record})[]"}
    lists = f"read_json('{pattern}', columns = {columns}, maximum_object_size = 1073741824)"
    return f"(SELECT unnest(Records) AS e FROM {lists})"


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


database = duckdb.connect()
database.execute("SET threads = 1")
before = cpu()
rows = len(database.execute(ASKED.format(source(sys.argv[1], sys.argv[2]))).fetchall())
print(json.dumps({"cpu": cpu() - before, "rows": rows}))
