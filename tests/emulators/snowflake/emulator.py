"""fakesnow's server, with what a load needs and it lacks.

What differs from the real service, and is bridged here and nowhere else:

- Requests of several statements (`num_statements`): each is run by itself. After one that fails, the transaction is
  rolled back, as Snowflake does with `TRANSACTION_ABORT_ON_ERROR`.
- Locks: of two transactions that write the same row, DuckDB refuses the second one instead of letting it wait. Here an
  UPDATE of `HVSMS_LOCK` waits for the request that made one before; nothing else does.
- A transaction may write to one DuckDB database only, and a MERGE keeps its candidates in a temporary table, which is
  in another one. Here it is a table of the target's schema, and stays there.
- DuckDB enforces primary keys; Snowflake does not. They are left out.
- In a MERGE, `TRY_PARSE_JSON` becomes `PARSE_JSON`.
- `ALTER SESSION` knows two settings, and `CURRENT_WAREHOUSE()` and `CURRENT_ROLE()` are missing.
- `COPY INTO` lets DuckDB guess the types of CSV, and reads a quoted empty text as null.

What `NULL_IF` is for does not show here, since a quoted text is never null. Rights, warehouses, micro-partitions and
the expiry of sessions are not emulated at all.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, Thread
from typing import Any

import fakesnow.copy_into
import fakesnow.cursor
import fakesnow.server
import uvicorn
from sqlglot import exp
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.waiting import wait_for


@dataclasses.dataclass
class Failure:
    """An answer in place of running a statement.

    :param part: what the statement contains.
    :param skipped: how many such statements are run before.
    """

    part: str
    number: int
    state: str
    message: str
    skipped: int = 0

    def response(self) -> Response:
        number = f"{self.number:06d}"
        data = {"errorCode": number, "sqlState": self.state}
        return JSONResponse({"data": data, "code": number, "message": self.message, "success": False})


@dataclasses.dataclass
class Emulator:
    """A running server.

    :param connection: arguments of `snowflake.connector.connect`.
    :param statements: all that were sent, in order. The connector sends a PUT twice, where the stage is in a bucket as
        this one is.
    :param failure: of a statement to come.
    :param context: SQL of what `CURRENT_ROLE()` and the like return, where it is not what fakesnow returns.
    :param loses_next_answer: run the next request of several statements, and answer with an error of the gateway.
    """

    connection: dict[str, Any] = dataclasses.field(default_factory=dict)
    statements: list[str] = dataclasses.field(default_factory=list)
    failure: Failure | None = None
    context: dict[str, str] = dataclasses.field(default_factory=dict)
    loses_next_answer: bool = False


emulator = Emulator()
_results: dict[str, bytes] = {}
_lock = Lock()


@contextmanager
def running() -> Iterator[Emulator]:
    """Serve until the block ends."""
    _bridge_merge()
    _bridge_csv()
    replaced = {"/queries/v1/query-request"}
    routes = [route for route in fakesnow.server.routes if route.path not in replaced]
    ours = [
        Route("/queries/v1/query-request", _query, methods=["POST"]),
        Route("/queries/{query}/result", _result, methods=["GET"]),
    ]
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[*routes, *ours]), port=0, log_level="warning"))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    emulator.connection = {
        "host": "127.0.0.1",
        "port": port,
        "protocol": "http",
        "session_parameters": {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
        "network_timeout": 20,
    }
    yield emulator
    server.should_exit = True
    thread.join()


async def _query(request: Request) -> Response:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    query = json.loads(body)
    if (query.get("parameters") or {}).get("MULTI_STATEMENT_COUNT", 1) == 1:
        return await _run(request, query, query["sqlText"])
    with ExitStack() as locks:
        return await _run_all(request, query, locks)


async def _run_all(request: Request, query: dict[str, Any], locks: ExitStack) -> Response:
    ids = []
    for statement in query["sqlText"].split(";\n"):
        if re.match(r"UPDATE .*\bHVSMS_LOCK\b", statement):
            await run_in_threadpool(_lock.acquire)
            locks.callback(_lock.release)
        response = await _run(request, query, statement)
        if not json.loads(bytes(response.body))["success"]:
            await _run(request, query, "ROLLBACK")
            return response
        ids.append(str(uuid.uuid4()))
        _results[ids[-1]] = bytes(response.body)
    if emulator.loses_next_answer and "COMMIT" in query["sqlText"]:
        emulator.loses_next_answer = False
        return Response(status_code=404)
    data = {"resultIds": ",".join(ids), "resultTypes": ",".join(["4096"] * len(ids)), "queryId": str(uuid.uuid4())}
    return JSONResponse({"data": data, "success": True})


async def _result(request: Request) -> Response:
    return Response(_results.pop(request.path_params["query"]), media_type="application/json")


async def _run(request: Request, query: dict[str, Any], statement: str) -> Response:
    emulator.statements.append(statement)
    failure = emulator.failure
    if failure and failure.part in statement:
        if not failure.skipped:
            emulator.failure = None
            return failure.response()
        failure.skipped -= 1
    body = gzip.compress(json.dumps({**query, "sqlText": _known(statement)}).encode())
    scope = {**request.scope, "headers": [*_other_headers(request), (b"content-encoding", b"gzip")]}
    response: Response = await fakesnow.server.query_request(Request(scope, _receive(body)))
    return response


def _known(statement: str) -> str:
    if statement.startswith("ALTER SESSION"):
        return "SELECT 'Statement executed successfully.' AS status"
    for name, value in {"ROLE": "'LOADER'", "WAREHOUSE": "'LOADING'", **emulator.context}.items():
        statement = statement.replace(f"CURRENT_{name}()", value)
    return re.sub(r", PRIMARY KEY \(.*?\)", "", statement)


def _other_headers(request: Request) -> list[tuple[bytes, bytes]]:
    return [header for header in request.scope["headers"] if header[0] not in (b"content-encoding", b"content-length")]


def _receive(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _bridge_merge() -> None:
    split = fakesnow.cursor.transforms.merge

    def merge(expression: Any) -> list[Any]:
        if isinstance(expression, exp.Merge):
            for call in [call for call in expression.find_all(exp.ParseJSON) if call.args.get("safe")]:
                call.replace(exp.TryCast(this=call.this, to=exp.DataType.build("json")))
        statements = split(expression)
        if isinstance(expression, exp.Merge):
            statements[0].set("properties", None)
            name = f"MERGE_CANDIDATES_{uuid.uuid4().hex}"
            for table in (table for one in statements for table in one.find_all(exp.Table)):
                if table.name.lower() == "merge_candidates":
                    table.set("this", exp.to_identifier(name))
                    for part in ("db", "catalog"):
                        table.set(part, expression.this.args[part].copy())
        return list(statements)

    fakesnow.cursor.transforms.merge = merge


def _bridge_csv() -> None:
    reader = fakesnow.copy_into.ReadCSV
    read_expression = reader.read_expression

    def reading_text(self: Any, url: str) -> Any:
        call = read_expression(self, url)
        for name, value in (("all_varchar", True), ("allow_quoted_nulls", False)):
            call.append("expressions", self.make_eq(name, value))
        return call

    reader.read_expression = reading_text
