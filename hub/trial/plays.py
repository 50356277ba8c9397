"""The demo's plays: what is asked of the hub, and how each must end; the simulator's amounts decide what providers do.

The last two digits of an amount tell the simulated provider what to do (see `adapters/simulator/README.md`).
"""

from typing import Any, Final, NamedTuple

BAOBAB: Final = "+254700000001"
SAVANNA: Final = "+254730000002"
PORTED: Final = "+254700000099"
NOBODY: Final = "+255700000001"
ACCOUNT: Final = "LK0012345678"


class Play(NamedTuple):
    """One transfer: who asks for what, and how it must end."""

    name: str
    caller: str
    kind: str  # GSMA transaction type; "reversal" reverses the first play
    payer: str
    payee: str
    amount: str
    ends: str  # a state, or an error when the request itself is refused


PLAYS: Final = (
    Play("wallet to wallet", "baobab", "transfer", BAOBAB, SAVANNA, "1500.00", "committed"),
    Play("wallet to bank account", "savanna", "transfer", SAVANNA, ACCOUNT, "2250.50", "committed"),
    Play("bank account to wallet", "lakebank", "transfer", ACCOUNT, BAOBAB, "980.75", "committed"),
    Play("to a number that was ported", "lakebank", "transfer", ACCOUNT, PORTED, "120.00", "committed"),
    Play("refused: the payee's limit", "baobab", "transfer", BAOBAB, SAVANNA, "700.07", "aborted"),
    Play("answered late", "baobab", "transfer", BAOBAB, SAVANNA, "640.02", "committed"),
    Play("answer lost after the credit", "baobab", "transfer", BAOBAB, SAVANNA, "310.03", "committed"),
    Play("lost before it was heard", "baobab", "transfer", BAOBAB, SAVANNA, "415.08", "committed"),
    Play("answer lost at the bank", "savanna", "transfer", SAVANNA, ACCOUNT, "520.03", "committed"),
    Play("called back twice", "baobab", "transfer", BAOBAB, SAVANNA, "230.04", "committed"),
    Play("called back with a wrong amount", "baobab", "transfer", BAOBAB, SAVANNA, "275.05", "committed"),
    Play("answered with garbage", "baobab", "transfer", BAOBAB, SAVANNA, "180.06", "committed"),
    Play("the same request twice", "baobab", "transfer", BAOBAB, SAVANNA, "1500.00", "businessRule/duplicateRequest"),
    Play("over the cap", "baobab", "transfer", BAOBAB, SAVANNA, "400000.00", "aborted"),
    Play("to nobody", "baobab", "transfer", BAOBAB, NOBODY, "50.00", "aborted"),
    Play("merchant asks the payer", "savanna", "merchantpay", BAOBAB, SAVANNA, "860.00", "committed"),
    Play("payer's funds are short", "savanna", "merchantpay", BAOBAB, SAVANNA, "99.01", "aborted"),
    Play("aggregator: debit, credit", "marketpay", "merchantpay", BAOBAB, SAVANNA, "1020.00", "committed"),
    Play("aggregator: no such account", "marketpay", "merchantpay", BAOBAB, "+254730000404", "333.00", "refunded"),
    Play("reversal of the first", "savanna", "reversal", SAVANNA, BAOBAB, "1500.00", "committed"),
)


def party(identifier: str) -> list[dict[str, str]]:
    """Return a GSMA party: a telephone number, or an account at the bank."""
    key = "msisdn" if identifier.startswith("+") else "bankaccountno"
    return [{"key": key, "value": identifier}]


def body(play: Play) -> dict[str, Any]:
    """Return the request of a play."""
    if play.kind == "reversal":
        return {"type": "reversal"}
    return {
        "amount": play.amount,
        "currency": "KES",
        "debitParty": party(play.payer),
        "creditParty": party(play.payee),
        "descriptionText": play.name,
    }
