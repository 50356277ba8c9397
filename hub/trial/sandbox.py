"""The sandbox: the demo's world kept up to develop against, with lines of curl to try; its credentials stay with us."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from hub.http.operator.row import PREFIX
from hub.roles.credentials import Issued
from hub.settings import Settings
from hub.trial.crossings import NILE, crossing_body, quotation_body
from hub.trial.market import prefund, publish
from hub.trial.plays import BAOBAB, SAVANNA, party
from hub.trial.staff import staffed
from hub.trial.world import World, world

# Answers end in a line of their own, also where many of these are pasted at once.
CURL: Final = "curl -s -w '\\n'"
SIMULATOR_PORT: Final = 8090
OPERATOR_PORT: Final = 8082
MODEL: Final = "shillings"
NEEDED: Final = ("baobab", "savanna", "nile", "mizani")  # who takes part in the lines to try, or sells in them

_read: Final = msgspec.json.Decoder(dict[str, Issued]).decode


async def keep_up(console: Console) -> None:
    """Keep the demo's world up until interrupted; its settlement bank books whatever the hub has it pay."""
    settings = Settings()
    ports = (settings.port, settings.callback_port, SIMULATOR_PORT)
    operators = OPERATOR_PORT if settings.operator_port is None else settings.operator_port
    var = Path(settings.var)
    where = var / "sandbox.json"
    known = known_credentials(where)
    async with world(var, keep=True, ports=ports, seeded=True, operator_port=operators, known=known) as stage:
        if missing := [name for name in NEEDED if name not in stage.issued]:
            raise ValueError(f"the scheme in force has no {', '.join(missing)}: begin anew in another HUB_VAR")
        await prefund(stage)
        await publish(stage)
        _write_credentials(where, stage)
        api = f"{stage.hub.api_url}{settings.api_prefix}"
        runs = f" runs: API {api}, documentation {stage.hub.api_url}/docs, Ctrl-C ends it\n"
        console.print(Text.assemble("\n", ("Makutano", "bold"), runs))
        secrets = await staffed(stage.hub.door, var / "operators.json")
        at = f": API {stage.hub.operator_url}{PREFIX}, {stage.hub.operator_url}/docs\n"
        console.print(Text.assemble(("Operators", "bold"), at))
        console.print(kept(stage, known), soft_wrap=True, markup=False, highlight=False)
        lines = [*lines_to_try(stage, api, settings.token_path), *operators_lines(stage, secrets)]
        for about, line in [*lines, *settlement_lines(stage)]:
            console.print(f"# {about}", soft_wrap=True, markup=False, highlight=False, style="dim")
            console.print(line, soft_wrap=True, markup=False, highlight=False, style="cyan")
        console.print(
            f"\n{', '.join(stage.issued)} may call; their credentials are in {where}, the operators' beside it."
            "\nWhat the providers know: config/simulator.toml; what they do with amounts: adapters/simulator/README.md."
            f"\nThe settlement bank is simulated, and books what it is told; its files: {stage.exchange}."
            f"\nOperators for --by: {', '.join(secrets)}; docs/settlement.md goes through a day with maker and checker."
            "\nBeside it: ./makutano transfer show REFERENCE; ./makutano explain REFERENCE; ./makutano rates;"
            " ./makutano audit"
        )
        await stage.bank.keep_answering(stage.exchange)


def kept(stage: World, known: Mapping[str, Issued]) -> str:
    """Say what is as it was before the sandbox started, and what is new."""
    new = [name for name, issued in stage.issued.items() if known.get(name) != issued]
    if not new:
        credentials = "all were kept"
    elif known:
        credentials = f"new ones for {', '.join(new)}; the others were kept"
    else:
        credentials = "all are new"
    return f"Scheme: {stage.scheme}.\nParticipants' credentials: {credentials}.\n"


def known_credentials(path: Path) -> dict[str, Issued]:
    """Return the credentials of the last run; none where there was none."""
    try:
        return _read(path.read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):  # the second: somebody wrote into it
        return {}


def _write_credentials(path: Path, stage: World) -> None:
    """Keep the credentials of this run where only its owner reads them."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(stage.issued)) + b"\n")


def lines_to_try(stage: World, api: str, token_path: str) -> list[tuple[str, str]]:
    """Return lines of a shell, each with what it does: at home, then abroad; pasted as they are, they work."""
    issued = stage.issued["baobab"]
    token = (
        f"TOKEN=$(curl -s -u '{issued.client_id}:{issued.secret}' -d grant_type=client_credentials "
        f"{stage.hub.api_url}{token_path} | {_picked('access_token')})"
    )
    home = {"amount": "150", "currency": "KES", "debitParty": party(BAOBAB), "creditParty": party(SAVANNA)}
    asked = quotation_body(BAOBAB, NILE, "10000", "KES")
    # By the quotation alone: of its quotes the first is taken, which is the best.
    abroad = crossing_body(BAOBAB, NILE, "10000", "KES", quotation="$QUOTATION")
    return [
        ("a token", token),
        ("a transfer at home", _kept("TRANSFER", _posted(home, f"{api}/transactions/type/transfer"))),
        ("how it ended, a second later", f"sleep 1; {_got(f'{api}/transactions/$TRANSFER')}"),
        ("a quotation: what 10,000 KES come to in Uganda", _kept("QUOTATION", _posted(asked, f"{api}/quotations"))),
        ("the quotes, the best first", _got(f"{api}/quotations/$QUOTATION")),
        ("the international transfer", _kept("ABROAD", _posted(abroad, f"{api}/transactions/type/inttransfer"))),
        ("how it ended, two seconds later", f"sleep 2; {_got(f'{api}/transactions/$ABROAD')}"),
    ]


def operators_lines(stage: World, secrets: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what two operators do: prefunding is proposed by one and approved by the other."""
    api = f"{stage.hub.operator_url}{PREFIX}"

    def login(who: str) -> str:
        form = f"-u '{who}:{secrets[who]}' -d grant_type=client_credentials {api}/token"
        return f"{who.upper()}=$(curl -s {form} | {_picked('access_token')})"

    terms = {"participant": "baobab", "amount": {"amount": "5000", "currency": "KES"}, "why": "its letter"}
    propose = _did("maker", f"{api}/proposals", {"act": "MoveFunds", "terms": terms, "why": "its letter"})
    return [
        ("an operator's token", login("maker")),
        ("another's", login("checker")),
        ("prefunding is proposed", _kept("PROPOSAL", propose, "id")),
        ("another approves what was seen", _approved(api)),
        ("how positions stand", f'{CURL} -H "Authorization: Bearer $MAKER" {api}/positions'),
    ]


def settlement_lines(stage: World) -> list[tuple[str, str]]:
    """Return what those two do in the evening: a window is closed, and what is owed for it released."""
    api = f"{stage.hub.operator_url}{PREFIX}"
    look = f'{CURL} -H "Authorization: Bearer $MAKER"'
    terms = {"window": "$WINDOW"}
    release = _did("maker", f"{api}/proposals", {"act": "Release", "terms": terms, "why": "the day is over"})
    return [
        ("the window that is open", _kept("WINDOW", f"{look} '{api}/windows?model={MODEL}&state=open'", "id")),
        ("it is closed", _did("maker", f"{api}/deeds/CloseWindow", {"terms": terms})),
        ("three seconds later: what is owed", f"sleep 3; {look} {api}/windows/$WINDOW"),
        ("its release is proposed", _kept("PROPOSAL", release, "id")),
        ("another approves it", _approved(api)),
        ("when the bank has booked it all: settled", f"sleep 4; {look} {api}/windows/$WINDOW"),
    ]


def _did(operator: str, url: str, body: dict[str, Any]) -> str:
    """Write an operator's POST; what the shell is to fill in is let out of the quotes."""
    text = msgspec.json.encode(body).decode().replace("$WINDOW", "'$WINDOW'")
    headers = f"-H \"Authorization: Bearer ${operator.upper()}\" -H 'Content-Type: application/json'"
    return f"{CURL} {headers} -d '{text}' {url}"


def _approved(api: str) -> str:
    headers = "-H \"Authorization: Bearer $CHECKER\" -H 'Content-Type: application/json' -H 'If-Match: \"1\"'"
    return f"{CURL} {headers} -d '{{}}' {api}/proposals/$PROPOSAL/approve"


def _posted(body: dict[str, Any], url: str) -> str:
    """Write a POST; what the shell is to fill in is let out of the quotes."""
    text = msgspec.json.encode(body).decode().replace("$QUOTATION", "'$QUOTATION'")
    headers = "-H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
    return f"{CURL} {headers} -d '{text}' {url}"


def _got(url: str) -> str:
    return f'{CURL} -H "Authorization: Bearer $TOKEN" {url}'


def _kept(name: str, post: str, what: str = "objectReference") -> str:
    """Write what keeps the reference of that which was begun, and shows it."""
    return f"{name}=$({post} | {_picked(what)}); echo ${name}"


def _picked(name: str) -> str:
    """Write what takes one text out of a JSON object, with what every machine has."""
    return f'sed \'s/.*"{name}":"\\([^"]*\\)".*/\\1/\''
