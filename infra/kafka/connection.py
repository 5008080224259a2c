"""How to connect to one Kafka cluster."""

import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FilePath, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic.alias_generators import to_camel


class KafkaCluster(BaseModel):
    """Bootstrap servers and credentials. A plain string is bootstrap servers without security."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    bootstrap_servers: Annotated[str, Field(min_length=1)]
    """`host:port`; several are separated by commas."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: Annotated[str, Field(min_length=1)] | None = None
    password: Annotated[SecretStr, Field(min_length=1)] | None = None
    ca_file: FilePath | None = None
    """PEM certificates of the authorities to trust; the system's by default."""
    cert_file: FilePath | None = None
    """PEM certificate of this client, for brokers that require one, followed by the intermediate certificates."""
    key_file: FilePath | None = None
    """PEM key of `cert_file`, unencrypted; read from `cert_file` by default."""

    @model_validator(mode="before")
    @classmethod
    def _from_bootstrap_servers(cls, value: object) -> object:
        return {"bootstrapServers": value} if isinstance(value, str) else value

    @field_validator("sasl_mechanism", "username", "password")
    @classmethod
    def _goes_with_sasl(cls, value: object, info: ValidationInfo) -> object:
        protocol = info.data.get("security_protocol")
        if protocol is not None and (value is None) is protocol.startswith("SASL"):
            raise ValueError(f"{protocol} {'needs' if value is None else 'does not use'} {_wire_name(info)}")
        return value

    @field_validator("ca_file", "cert_file", "key_file")
    @classmethod
    def _goes_with_tls(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        protocol = info.data.get("security_protocol")
        if value is not None and protocol is not None and not protocol.endswith("SSL"):
            raise ValueError(f"{protocol} does not use {_wire_name(info)}")
        return value

    @field_validator("key_file")
    @classmethod
    def _has_a_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("cert_file", value) is None:
            raise ValueError("keyFile needs certFile")
        return value

    @model_validator(mode="after")
    def _can_read_its_certificates(self) -> "KafkaCluster":
        if self.security_protocol.endswith("SSL"):
            self._ssl_context()
        return self

    def connection(self) -> dict[str, Any]:
        """Return the keyword arguments of any aiokafka client. Certificates are read again with each call."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            arguments["ssl_context"] = self._ssl_context()
        if self.sasl_mechanism and self.username and self.password:
            arguments["sasl_mechanism"] = self.sasl_mechanism
            arguments["sasl_plain_username"] = self.username
            arguments["sasl_plain_password"] = self.password.get_secret_value()
        return arguments

    def _ssl_context(self) -> ssl.SSLContext:
        """Raises `ValueError`, which names the field whose file cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise ValueError(f"caFile cannot be used: {error}") from error
        if self.cert_file is not None:
            try:
                # Without a password OpenSSL would prompt for the one of an encrypted key at the terminal.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except OSError as error:
                raise ValueError(f"certFile and keyFile cannot be used: {error}") from error
        return context


def _wire_name(info: ValidationInfo) -> str:
    return to_camel(info.field_name or "")
