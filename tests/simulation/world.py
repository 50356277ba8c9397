"""The world of the simulation: four currencies, FX providers that compete, fees, taxes and limits; only data."""

from hub.core.participant import DirectoryEntry, Participant, Role, SchemeFile, Terms
from hub.core.pricing.price import Side
from hub.core.pricing.rate import Rounding
from hub.core.pricing.rules import (
    Corridor,
    Earner,
    FeeRule,
    FxOffer,
    LimitRule,
    Period,
    ReversalRate,
    Then,
    Tier,
    Unquoted,
    Whose,
)
from routing.message import Operation, Resource
from routing.table import Connection, Rail

FSPS = ("alpha", "bravo", "coral")
IMPATIENT = "bravo"  # may be asked twice, and then an operator must find out
FORGETFUL = "coral"  # might take a repeated reference for a new one, so it must not be told again
QUOTING = ("alpha", "coral")  # have their say in quotations of what arrives there
SELLERS = ("delta", "echo")
CONFIRMING = "delta"  # must confirm each conversion between shillings
REFERENCE = "USD"  # dinars are bought by way of it

# With two decimals, none, three.
HELD = {"alpha": ("KES",), "bravo": ("KES", "UGX"), "coral": ("UGX", "KES", "BHD")}
AT_HOME = (("alpha", "bravo", "KES"), ("coral", "alpha", "KES"), ("bravo", "coral", "KES"), ("coral", "bravo", "UGX"))
ABROAD = (
    ("alpha", "bravo", "KES", "UGX"),
    ("alpha", "coral", "KES", "UGX"),
    ("bravo", "alpha", "UGX", "KES"),
    ("coral", "alpha", "UGX", "KES"),
    ("alpha", "coral", "KES", "BHD"),
    ("coral", "alpha", "BHD", "KES"),
    ("bravo", "coral", "UGX", "BHD"),
)
AMOUNTS = {"KES": (1_00, 90_00), "UGX": (30, 2_500), "BHD": (3, 260)}  # minor units
CAPS = {"KES": "250", "UGX": "7000", "BHD": "0.700"}
SELLERS_CAPS = {"KES": "200", "UGX": "5000", "BHD": "0.700", "USD": "0"}
PREFUNDED_MINOR = 300  # of each seller in dollars, which are settled against prefunding
EXPOSURES = {"KES": "150", "UGX": "4000", "BHD": "0.600", "USD": "3"}

# What one unit is worth; FX providers publish something near it, and sometimes something that is not.
WORTH = {
    ("KES", "UGX"): 28.5,
    ("UGX", "KES"): 0.035,
    ("KES", "USD"): 0.0077,
    ("USD", "KES"): 129.5,
    ("UGX", "USD"): 0.00027,
    ("USD", "BHD"): 0.376,
    ("BHD", "USD"): 2.65,
}
LARGE = 86_00  # minor units: more of it is looked at
RATES_VALID_S = 90
RATES_STALE_S = 120
QUOTES_S = 60
# The first day of the limits ends two minutes after the simulation has begun, at 08:00 UTC.
UTC_OFFSET_MINUTES = -8 * 60 - 2


def scheme(reversal_rate: ReversalRate, rounding: Rounding) -> SchemeFile:
    """Make the scheme; how it reverses and rounds differs from life to life."""
    terms = Terms(
        name="simulation",
        transfer_lifetime_s=15,
        lapse_margin_s=5,
        rounding=rounding,
        quote_lifetime_s=QUOTES_S,
        reference_currencies=(REFERENCE,),
        unquoted=Unquoted.QUOTE,
        reversal_rate=reversal_rate,
        utc_offset_minutes=UTC_OFFSET_MINUTES,
    )
    return SchemeFile(
        scheme=terms,
        participant=(
            *(_fsp(id_, currencies) for id_, currencies in HELD.items()),
            *(_seller(id_) for id_ in SELLERS),
            Participant(id="third", name="third", role=Role.THIRD_PARTY, country="KE"),
        ),
        connection=(*(_connection(id_) for id_ in FSPS), _converter()),
        directory=tuple(
            DirectoryEntry(key="msisdn", value=f"+25470{number}", participant=id_) for number, id_ in enumerate(FSPS)
        ),
        fee=_fees(),
        limit=_limits(),
        corridor=tuple(
            Corridor(source=source, target=target)
            for source, target in sorted({(source, target) for _, _, source, target in ABROAD} | {("KES", "KES")})
        ),
        fx=_offers(),
    )


def _fsp(id_: str, currencies: tuple[str, ...]) -> Participant:
    return Participant(
        id=id_,
        name=id_,
        role=Role.FSP,
        country="KE",
        currencies=currencies,
        net_debit_cap={currency: CAPS[currency] for currency in currencies},
        tolerance_bps={"alpha": 300, "coral": 20}.get(id_),
    )


def _seller(id_: str) -> Participant:
    currencies = tuple(SELLERS_CAPS)
    return Participant(
        id=id_, name=id_, role=Role.FX_PROVIDER, country="KE", currencies=currencies, net_debit_cap=SELLERS_CAPS
    )


def _connection(id_: str) -> Connection:
    rail = Rail(
        operations=tuple(Operation),
        resources=(Resource.QUOTATION,) if id_ in QUOTING else (),
        answer_within_s=3,
        ask_first_after_s=1,
        ask_spacing_s=1,
        asks_max=2 if id_ == IMPATIENT else 20,
        resend_safe=id_ != FORGETFUL,
    )
    return Connection(name=id_, participant=id_, adapter="none", rail=rail, currencies=HELD[id_])


def _converter() -> Connection:
    operations = (Operation.CONVERT, Operation.UNWIND)
    rail = Rail(
        operations=operations, answer_within_s=3, ask_first_after_s=1, ask_spacing_s=1, asks_max=6, resend_safe=True
    )
    return Connection(
        name=CONFIRMING, participant=CONFIRMING, adapter="none", rail=rail, currencies=tuple(SELLERS_CAPS)
    )


def _offers() -> tuple[FxOffer, ...]:
    def offer(provider: str, source: str, target: str, spread_bps: int, maximum: str = "") -> FxOffer:
        return FxOffer(
            provider=provider,
            source=source,
            target=target,
            spread_bps=spread_bps,
            max=maximum,
            exposure_max=EXPOSURES[target],
            valid_s=RATES_VALID_S,
            stale_after_s=RATES_STALE_S,
            jump_max_percent="10",
            confirm=provider == CONFIRMING and REFERENCE not in (source, target),
        )

    return (
        offer("delta", "KES", "UGX", 40),
        offer("echo", "KES", "UGX", 150, "80"),
        offer("delta", "UGX", "KES", 60),
        offer("echo", "UGX", "KES", 0),
        offer("echo", "KES", "USD", 25),
        offer("echo", "USD", "KES", 25),
        offer("delta", "UGX", "USD", 0),
        offer("delta", "USD", "BHD", 10),
        offer("echo", "USD", "BHD", 10),
        offer("echo", "BHD", "USD", 10),
    )


def _fees() -> tuple[FeeRule, ...]:
    priced = ("transfer", "inttransfer")
    hub, payee = Earner.HUB, Side.PAYEE
    return (
        FeeRule(name="commission", currency="KES", types=priced, percent="1", min="0.05", max="0.60"),
        FeeRule(name="excise", currency="KES", types=priced, tax=True, percent="20", of=("commission",)),
        FeeRule(name="sending", currency="KES", other="UGX", earned_by=Earner.PAYER_FSP, fixed="0.10"),
        FeeRule(name="stamp", currency="KES", types=("cashout",), tax=True, percent="15"),
        FeeRule(name="margin", currency="KES", earned_by=Earner.FX_PROVIDER, percent="0.4"),
        FeeRule(
            name="counter",
            currency="UGX",
            other="UGX",
            types=priced,
            paid_by=payee,
            earned_by=Earner.PAYER_FSP,
            percent="1",
        ),
        FeeRule(
            name="cash-out",
            currency="UGX",
            other="KES",
            paid_by=payee,
            earned_by=Earner.PAYEE_FSP,
            tiers=(Tier(up_to="500", fixed="3"), Tier(percent="0.8")),
        ),
        FeeRule(name="levy", currency="UGX", types=priced, paid_by=payee, earned_by=hub, tax=True, percent="0.5"),
        FeeRule(name="desk", currency="BHD", paid_by=payee, earned_by=hub, percent="2", min="0.001"),
    )


def _limits() -> tuple[LimitRule, ...]:
    priced = ("transfer", "inttransfer")
    return (
        LimitRule(name="daily", currency="KES", types=priced, per=Period.DAY, max_value="320"),
        LimitRule(name="often", currency="KES", types=priced, per=Period.DAY, max_count=8, then=Then.REVIEW),
        LimitRule(
            name="taken in",
            currency="UGX",
            types=priced,
            of=Whose.PAYEE,
            per=Period.DAY,
            max_value="9000",
            max_count=12,
        ),
        LimitRule(name="bank", currency="BHD", of=Whose.PAYER_FSP, per=Period.WEEK, max_value="2", then=Then.REVIEW),
        LimitRule(name="large", currency="KES", per=Period.TRANSACTION, max_value="86", then=Then.REVIEW),
    )
