"""Writes docs/conformance.md from the tests' own tables, and claims nothing else.

Run it with `python -m tests.conformance.report`.
"""

import re
from pathlib import Path
from typing import Final

from hub.http.operations import OPERATIONS
from tests.conformance.test_error_codes import PASSED_ON, SAID
from tests.conformance.test_openapi_against_official import BESIDES, DIFFERENT

WHERE: Final = Path(__file__).parents[2] / "docs" / "conformance.md"

# Which tests hold an operation, by the first pattern that its method and path match.
PROOFS: Final = (
    ("/fxrates", "tests/http/test_rates.py"),
    ("/statements|/notifications|/reconciliations", "tests/scenario/test_statements.py"),
    ("/disputes", "tests/scenario/test_disputes.py"),
    ("/debitmandates", "tests/scenario/test_recurring_payments.py"),
    ("/links", "tests/scenario/test_account_linking.py"),
    ("/authorisationcodes", "tests/scenario/test_merchant_payments.py"),
    ("/batchtransactions", "tests/scenario/test_bulk.py"),
    ("bill", "tests/scenario/test_bill_payments.py"),
    ("/quotations", "tests/http/test_quotations.py"),
    ("/reversals", "tests/scenario/test_merchant_payments.py"),
    ("POST /transactions", "tests/scenario/test_every_flow.py"),
    ("PATCH /transactions", "tests/http/test_transactions.py"),
    ("POST /accounts|/identities|PATCH /accounts", "tests/scenario/test_agents.py"),
    ("/accounts|/statemententries|/heartbeat", "tests/scenario/test_account_management.py"),
    ("PATCH /requeststates", "tests/http/test_limits.py"),
    ("/requeststates|/responses|/errors|GET /transactions", "tests/http/test_transactions.py"),
)


def proof(operation: str) -> str:
    """Return the file whose tests hold an operation such as "GET /heartbeat"; raises StopIteration."""
    return next(file for pattern, file in PROOFS if re.search(pattern, operation))


def markdown() -> str:
    """Return the whole page."""
    served = [each for each in OPERATIONS if not (each.method == "POST" and each.summary.endswith("cannot send PATCH"))]
    rows = [(each, f"{each.method} {each.path}") for each in served]
    besides = sum((each.method.lower(), each.path) in BESIDES for each in served)
    lines = [
        "# Conformance",
        "",
        "Generated from the tests by `python -m tests.conformance.report`; do not edit. The served OpenAPI document is",
        "held against the GSMA's own file by `tests/conformance/test_openapi_against_official.py`; Schemathesis tries",
        "it with generated requests in `tests/conformance/test_schemathesis.py`.",
        "",
        f"## Operations: {len(rows) - besides} of the specification, and {besides} besides",
        "",
        "| operation | succeeds with | comes to | held by |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {' or '.join(map(str, each.statuses))} | {each.result or 'nothing'} | `{proof(name)}` |"
            for each, name in rows
        ),
        "",
        "Every PATCH is served as POST with `X-HTTP-Method-Override: PATCH` too.",
        "",
        "## Served besides",
        "",
        *(f"- `{method.upper()} {path}`: {why}." for (method, path), why in BESIDES.items()),
        "",
        "## Where the served document differs from the file, and why",
        "",
        "| field | what | official | here | why |",
        "|---|---|---|---|---|",
        *(
            "| " + " | ".join(f"`{part}`".replace("|", "\\|") for part in key) + f" | {why} |"
            for key, why in DIFFERENT.items()
        ),
        "",
        "Lists of bill payments and of codes are arrays, as in the text and all clients; the file has one object.",
        "",
        "## Error codes",
        "",
        "| code | produced by |",
        "|---|---|",
        *(f"| `{code}` | `{test}` |" for code, test in SAID.items()),
        *(
            f"| `{code}` | a participant says it; passed on, `tests/conformance/test_error_codes.py` |"
            for code in PASSED_ON
            if code not in SAID
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    WHERE.write_text(markdown(), "utf-8")
