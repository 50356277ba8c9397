"""What is answered is what the document says, for every operation that reads, over a day's real records."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from hub.core.command import Done
from hub.http.operator.openapi import document
from hub.http.operator.row import PREFIX
from hub.http.operator.rows import ROWS
from routing.message import Operation, Verdict
from tests.http.operator.bureau import Bureau
from tests.store.house import said, submit
from tests.store.windows import reckon

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENT = document()
READS = [row for row in ROWS if row.method == "GET" and row.result != "application/octet-stream"]


async def day(bureau: Bureau) -> dict[str, str]:
    """Have something of everything; returns an id for each path."""
    done = await bureau.door.handle(submit(1))
    assert isinstance(done, Done)
    transfer = await bureau.store.transfer(done.transfer)
    assert transfer is not None
    await bureau.door.handle(said(transfer, Operation.CREDIT, Verdict.ACCEPTED))
    amount = {"amount": "20", "currency": "KES"}
    funds = await bureau.agreed("MoveFunds", participant="alpha", amount=amount, why="morning")
    await bureau.agreed("SetCap", participant="alpha", amount=amount, why="less")
    window = (await bureau.open_window())["id"]
    closing = {"terms": {"window": window}}
    assert (await bureau.call("POST", "/deeds/CloseWindow", "maker", json=closing)).status == 200
    await reckon(bureau.door, "home", 1)
    await bureau.agreed("Release", window=window)
    await bureau.call("POST", "/files", "maker", json={"name": "bank.csv", "content": "nothing"})
    raising = {"kind": "fraud", "transfer": transfer.id, "participant": "alpha", "reason": "FRAD"}
    await bureau.agreed("RaiseFor", **raising)
    found = {"participants": "alpha", "schemes": "1", "transfers": transfer.id, "windows": window}
    for name in ("proposals", "funds", "obligations", "payments", "files", "disputes", "changes", "operators"):
        found[name] = (await bureau.items(f"/{name}"))[0]["id"]
    assert funds["id"] in [each["id"] for each in await bureau.items("/proposals")]
    return found


async def test_answers_are_as_the_document_says(bureau: Bureau) -> None:
    ids, read = await day(bureau), 0
    for row in READS:
        path = row.path
        if "{" in path:
            id_ = ids.get(path.split("/")[1])
            if id_ is None:  # nothing was found to differ, and no threshold was crossed
                continue
            path = path.replace("{id}", id_).replace("{version}", id_)
        query = "?participant=alpha" if path.endswith("/default") else ""
        reply = await bureau.call("GET", path + query)
        assert reply.status == 200, (path, reply.raw)
        described: Any = DOCUMENT["paths"][PREFIX + row.path]["get"]["responses"]["200"]
        schema = described["content"]["application/json"]["schema"] | {"components": DOCUMENT["components"]}
        errors = [
            f"{path}: {each.json_path} {each.message}"[:300] for each in OAS31Validator(schema).iter_errors(reply.body)
        ]
        assert errors == []
        read += 1
    assert read >= len(READS) - 2


async def test_problems_are_as_the_document_says(bureau: Bureau) -> None:
    schema = {"$ref": "#/components/schemas/Problem", "components": DOCUMENT["components"]}
    for path, who in (
        ("/nothing", "viewer"),
        ("/windows?x=1", "viewer"),
        ("/windows", "nobody"),
        ("/windows/x", "viewer"),
    ):
        reply = await bureau.call("GET", path, who)
        assert list(OAS31Validator(schema).iter_errors(reply.body)) == []
        assert not set(reply.body) - set(DOCUMENT["components"]["schemas"]["Problem"]["properties"])
