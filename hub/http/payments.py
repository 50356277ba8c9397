"""Bill payments: the payer's institution pays a bill and the biller is told; each write becomes one command.

A bill payment is a transfer like any other: the payer's institution asks, the biller is credited.
"""

from typing import Any, Final

from aiohttp import web

from hub.http.api import Api, Call
from hub.http.errors import unknown_object
from hub.http.operation import Operation, both
from hub.http.paths import account_of, customer
from hub.http.reading import checked, money_of
from hub.http.schema import BillPayment, BillPayment2, Model
from hub.http.taking import taken
from routing.message import Errand, Resource
from routing.party import Party, party

_DESCRIBED: Final = ("descriptionText", "metadata", "customData")


async def pay_bill_of_account(api: Api, call: Call) -> web.Response:
    """Answer POST /accounts/{...}/bills/{billReference}/payments."""
    account = await account_of(api, call)
    return await _pay(api, call, BillPayment, account, call.part("billReference"))


async def pay_account(api: Api, call: Call) -> web.Response:
    """Answer POST /accounts/{...}/bills/payments: no bill is named, the biller finds out which."""
    return await _pay(api, call, BillPayment2, await account_of(api, call), "")


async def pay_bill(api: Api, call: Call) -> web.Response:
    """Answer POST /bills/{billReference}/payments: the bill tells the biller, if only one has such a bill."""
    reference = call.part("billReference")
    institution = await api.institution(call)
    if not institution:
        billers = {each.participant for each in await api.reader.instruments(Resource.BILL, reference)}
        if len(billers) != 1:
            raise unknown_object()
        institution = billers.pop()
    return await _pay(api, call, BillPayment, (), reference, institution=institution)


async def _pay(
    api: Api, call: Call, model: type[Model], account: Party, reference: str, *, institution: str = ""
) -> web.Response:
    data = checked(model, await api.body(call)).plain()
    money = money_of("amountPaid", str(data["amountPaid"]), str(data["currency"]))
    errand = Errand(resource=Resource.BILL_PAYMENT, account=customer(account), reference=reference, body=data)
    own = party([("organisationid", call.caller)])
    institution = institution or await api.institution(call)
    biller = party([("organisationid", institution)]) if institution else ()
    parties = (own, (*account, *biller))
    details: dict[str, Any] = {name: data[name] for name in _DESCRIBED if name in data}
    return await taken(api, call, "billpay", parties, money, details=details, errand=errand, institution=institution)


_PAID: Final = "responseBillPayment"
OPERATIONS: Final = (
    *both("POST", "/bills/{billReference}/payments", pay_bill_of_account, "Pay a bill", 202, _PAID, BillPayment),
    *both(
        "POST", "/bills/payments", pay_account, "Pay a biller without a bill", 202, "responseBillPayment2", BillPayment2
    ),
    Operation("POST", "/bills/{billReference}/payments", pay_bill, "Pay a bill by itself", 202, _PAID, BillPayment),
)
