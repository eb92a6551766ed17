"""Predict requests over gRPC."""

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np

from serving import protos
from serving.client import patience
from serving.client.errors import ServingError, Unreachable

_METHOD = "/tensorflow.serving.PredictionService/Predict"


class Grpc:
    """A `serving.client.transport.Transport` over gRPC.

    Args:
        address: str. `HOST:PORT`.
        spec: mapping. "name" of the model and, if wanted, "version" or "version_label".
        secure: bool. Whether to speak TLS. Defaults to `False`.
        headers: mapping. Metadata of every request. Defaults to none.
    """

    def __init__(
        self,
        address: str,
        spec: Mapping[str, Any],
        *,
        secure: bool = False,
        headers: Mapping[str, str] | None = None,
    ):
        self._address, self._spec = address, dict(spec)
        self.version: int | None = spec.get("version")
        self._metadata = [(name.lower(), value) for name, value in (headers or {}).items()]
        options = [
            # The default is 4 MiB, and 3 s of four stems take more.
            ("grpc.max_send_message_length", -1),
            ("grpc.max_receive_message_length", -1),
            # gRPC looks for the server every second, and leaves repetitions to `Patience`.
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.enable_retries", 0),
        ]
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(), options)
            if secure
            else grpc.insecure_channel(address, options)
        )
        self._call = self._channel.unary_unary(
            _METHOD,
            request_serializer=protos.PredictRequest.SerializeToString,
            response_deserializer=protos.PredictResponse.FromString,
        )

    def reach(self, seconds: float) -> None:
        """Connects to the server; see `serving.client.transport.Transport.reach`."""
        seconds = min(seconds, patience.CONNECT_SECONDS)
        ready = grpc.channel_ready_future(self._channel)
        try:
            ready.result(timeout=seconds)
        except grpc.FutureTimeoutError:
            found = f"no connection in {seconds:.0f} s: {self._reason()}"
            raise Unreachable(f"{self._address}: {found}") from None
        finally:
            ready.cancel()

    def predict(
        self, signature: str, inputs: Mapping[str, np.ndarray | list[bytes]], seconds: float
    ) -> dict[str, np.ndarray | list[bytes]]:
        """Sends a request; see `serving.client.transport.Transport.predict`."""
        request = protos.predict_request({**self._spec, "signature_name": signature}, inputs)
        try:
            response = self._call(request, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise ServingError(error.code().name, error.details()) from error
        except ValueError as error:  # the channel was closed
            raise ServingError("CANCELLED", str(error)) from error
        # A stem is as long as its mixture; a few bytes could claim gigabytes.
        most = max(
            (value.size for value in inputs.values() if isinstance(value, np.ndarray)), default=0
        )
        try:
            outputs = {
                name: protos.to_array(value, most=most) for name, value in response.outputs.items()
            }
        except ValueError as error:
            raise ServingError.of_answer(str(error), "tensors") from error
        if self.version is None:
            self._pin(response.model_spec.version.value)
        return outputs

    def close(self) -> None:
        """Closes the connection; see `serving.client.transport.Transport.close`."""
        self._channel.close()

    def _pin(self, version: int) -> None:
        if not version:
            raise ServingError.of_answer("no version", "the version of the model that answered")
        self.version = version
        self._spec = {"name": self._spec["name"], "version": version}

    def _reason(self) -> str:
        # A channel that cannot connect says why, but only to a request.
        try:
            self._call(protos.PredictRequest(), timeout=0.5)
        except grpc.RpcError as error:
            return error.details()
        return "it comes now"
