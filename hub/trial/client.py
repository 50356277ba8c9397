"""A participant's own software, as small as it can be: speaks the GSMA API to the hub for demo, tests and bench."""

import base64
import uuid
from typing import Any, Final

import aiohttp
import msgspec

from hub.roles.credentials import Issued

TIMEOUT_S: Final = 30


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub answered."""

    status: int
    body: dict[str, Any]

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

    def __init__(self, session: aiohttp.ClientSession, url: str, prefix: str, issued: Issued, callbacks: str) -> None:
        """Call the hub at `url`; `callbacks` is the base of the URLs it may call back."""
        self._session = session
        self._url = url
        self._prefix = prefix
        self._issued = issued
        self._callbacks = callbacks
        self._token = ""

    async def login(self) -> None:
        """Obtain an access token."""
        basic = base64.b64encode(f"{self._issued.client_id}:{self._issued.secret}".encode()).decode()
        async with self._session.post(
            f"{self._url}/v1/oauth/accesstoken",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        ) as response:
            response.raise_for_status()
            self._token = (await response.json())["access_token"]

    async def submit(self, kind: str, body: dict[str, Any], *, correlation: str = "", callback: bool = True) -> Reply:
        """Ask for a transaction of this type."""
        return await self.post(f"/transactions/type/{kind}", body, correlation=correlation, callback=callback)

    async def post(self, path: str, body: dict[str, Any], *, correlation: str = "", callback: bool = True) -> Reply:
        """Write."""
        unique = correlation or str(uuid.uuid4())
        headers = {"Authorization": f"Bearer {self._token}", "X-CorrelationID": unique}
        if callback:
            headers["X-Callback-URL"] = f"{self._callbacks}/callbacks/{unique}"
        headers["Content-Type"] = "application/json"
        content = msgspec.json.encode(body)
        async with self._session.post(f"{self._url}{self._prefix}{path}", data=content, headers=headers) as response:
            return Reply(status=response.status, body=msgspec.json.decode(await response.read()))

    async def get(self, path: str) -> Reply:
        """Read."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._session.get(f"{self._url}{self._prefix}{path}", headers=headers) as response:
            return Reply(status=response.status, body=await response.json())
