"""A participant's own software, as small as it can be: speaks the GSMA API to the hub for demo, tests and bench."""

import base64
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from hub.roles.credentials import Issued

TIMEOUT_S: Final = 30
encode: Final = msgspec.json.Encoder().encode


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub answered."""

    status: int
    body: Any
    correlation: str = ""  # of a write; its callback goes to a path of this name
    headers: Mapping[str, str] = {}

    @property
    def reference(self) -> str:
        """The transaction that was begun, or the one that an error points at."""
        if "objectReference" in self.body:
            return str(self.body["objectReference"])
        pairs = {each["key"]: each["value"] for each in self.body.get("errorParameters", [])}
        return str(pairs.get("link", "")).rpartition("/")[2]

    @property
    def error(self) -> str:
        """The error's category and code, or nothing."""
        if "errorCode" not in self.body:
            return ""
        return f"{self.body['errorCategory']}/{self.body['errorCode']}"


class Client:
    """One participant's software."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        issued: Issued,
        callbacks: str,
        *,
        prefix: str = "/mm/v1.2",
        token_path: str = "/v1/oauth/accesstoken",  # noqa: S107 - where tokens are, not one
    ) -> None:
        """Call the hub at `url`; `callbacks` is the base of the URLs it may call back."""
        self._session = session
        self._url = url
        self._prefix = prefix
        self._token_path = token_path
        self._issued = issued
        self._callbacks = callbacks
        self._token = ""

    async def login(self) -> None:
        """Obtain an access token."""
        basic = base64.b64encode(f"{self._issued.client_id}:{self._issued.secret}".encode()).decode()
        async with self._session.post(
            f"{self._url}{self._token_path}",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        ) as response:
            response.raise_for_status()
            self._token = (await response.json())["access_token"]

    async def submit(self, kind: str, body: dict[str, Any], **more: Any) -> Reply:
        """Ask for a transaction of this type; see `write`."""
        return await self.post(f"/transactions/type/{kind}", body, **more)

    async def post(self, path: str, body: Any, **more: Any) -> Reply:
        """Write; see `write`."""
        return await self.write("POST", path, body, **more)

    async def patch(self, path: str, **changes: str) -> Reply:
        """Change fields of a resource."""
        body = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in changes.items()]
        return await self.write("PATCH", path, body)

    async def write(
        self,
        method: str,
        path: str,
        body: Any,
        *,
        correlation: str = "",
        callback: bool = True,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Reply:
        """Write, under a correlation id of its own unless one is given, and be called back unless not wanted."""
        unique = correlation or str(uuid.uuid4())
        sent = {"Authorization": f"Bearer {self._token}", "X-CorrelationID": unique, **headers}
        if callback:
            sent["X-Callback-URL"] = f"{self._callbacks}/callbacks/{unique}"
        sent["Content-Type"] = "application/json"
        url = f"{self._url}{self._prefix}{path}"
        async with self._session.request(method, URL(url, encoded=True), data=encode(body), headers=sent) as response:
            content = await response.read()
            found = msgspec.json.decode(content) if content else {}
            return Reply(status=response.status, body=found, correlation=unique, headers=response.headers)

    async def get(self, path: str, **headers: str) -> Reply:
        """Read."""
        sent = {"Authorization": f"Bearer {self._token}", **headers}
        url = URL(f"{self._url}{self._prefix}{path}", encoded=True)
        async with self._session.get(url, headers=sent) as response:
            return Reply(status=response.status, body=await response.json(), headers=response.headers)
