"""Settings: everything an operator may set, from `config/hub.toml` and `HUB_*` variables; nothing else reads them.

Only `hub.main`, `hub.roles` and `hub.lab` may import this: the floors below are given what they need.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """What may be set. A variable is `HUB_` and the name in capitals; it wins over the file."""

    model_config = SettingsConfigDict(env_prefix="HUB_", toml_file="config/hub.toml", extra="forbid")

    database_url: SecretStr | None = Field(
        None, description="postgresql://... ; unset: a private PostgreSQL is started in `var`"
    )
    broker_url: SecretStr | None = Field(
        None, description="amqp(s)://... ; unset: the bus is inside the process, so every role must be too"
    )
    var: Path = Field(Path("var"), description="where embedded servers keep their files")
    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8080, ge=0, le=65535, description="port the API listens on")
    operator_host: str = Field("127.0.0.1", description="address the operators' API listens on")
    operator_port: int | None = Field(
        None, ge=0, le=65535, description="port the operators' API listens on; unset: it is not served"
    )
    operator_token_lifetime_s: int = Field(900, gt=0, description="how long an operator is logged in")
    operator_file_max_bytes: int = Field(
        16_777_216, gt=0, description="largest body by which an operator brings a file"
    )
    callback_host: str = Field("127.0.0.1", description="address that provider callbacks arrive at")
    callback_port: int = Field(8081, ge=0, le=65535, description="port that provider callbacks arrive at")
    callback_base_url: str | None = Field(
        None, description="how providers reach it from outside, https://...; unset: http://callback_host:callback_port"
    )
    callback_key: SecretStr | None = Field(
        None, description="signs callback URLs, at least 32 characters, the same for every adapter process"
    )
    seal_key: SecretStr | None = Field(
        None,
        description="seals customers' credentials and identities, at least 32 characters, the same for every process; "
        "several, separated by spaces: the first seals, all open; unset: derived from callback_key",
    )
    signing_key: SecretStr | None = Field(
        None,
        description="signs notices, a private key of P-256 as PEM or JWK, the same for every process; "
        "unset: made once and kept in `var`",
    )
    sign_callbacks: bool = Field(False, description="sign callbacks as notices are signed")
    user_credentials_encrypted_only: bool = Field(
        True, description="refuse X-User-Credential-1 and -2 that are not encrypted for the account's institution"
    )
    poll_limit: int = Field(100, gt=0, description="how often the state of one request may be polled")
    api_prefix: str = Field("/mm/v1.2", description="where the GSMA API is mounted")
    token_path: str = Field("/v1/oauth/accesstoken", pattern="^/", description="where access tokens are asked for")
    body_max_bytes: int = Field(262_144, gt=0, description="largest request body")
    batch_body_max_bytes: int = Field(67_108_864, gt=0, description="largest body of a batch of transactions")
    batch_in_flight_max: int = Field(600, gt=0, description="transfers of one batch under way at once")
    batch_per_second: int = Field(400, gt=0, description="batch rows begun each second for one participant")
    token_lifetime_s: int = Field(3_600, gt=0, description="how long an access token may be used")
    callback_https_only: bool = Field(True, description="refuse callers' X-Callback-URLs that are not https")
    correlation_required: bool = Field(False, description="refuse writes without X-CorrelationID")
    date_tolerance_s: int | None = Field(
        None, gt=0, description="refuse writes whose X-Date is further from now; unset: it is not looked at"
    )
    screening_files: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="lists that the parties of transfers are compared with, CSV like config/screening.csv; "
        "in a variable separated by commas or blanks; none: nobody is screened",
    )
    settlement_dir: Path | None = Field(
        None,
        description="folder in which files for the settlement bank are put, each with its signature NAME.jws; "
        "what the bank puts into `in` there is taken",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    metrics_port: int | None = Field(None, description="where worker and adapter processes serve /metrics")

    @field_validator("screening_files", mode="before")
    @classmethod
    def _separated(cls, given: Any) -> Any:
        """Take a variable's text apart; a list of the file may name paths with blanks in them."""
        return list(filter(None, re.split(r"[,\s]+", given))) if isinstance(given, str) else given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Say who wins: arguments, variables, secret files, the TOML file."""
        return init_settings, env_settings, file_secret_settings, TomlConfigSettingsSource(settings_cls)
