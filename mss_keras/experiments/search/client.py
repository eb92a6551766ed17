"""A worker's side of KerasTuner's protocol."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_client import TIMEOUT, OracleClient

from mss_keras.config import WorkFailedError
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.role import Role

P = ParamSpec("P")
Answer = TypeVar("Answer")

# What a chief answers that stops, or whose process ends while it is asked.
_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
_PAUSE = 1.0  # s

REASON = "reason-bin"  # metadata of a request; gRPC wants the suffix for text beyond ASCII


class ChiefLostError(WorkFailedError):
    """The chief does not answer any more."""


class Client(OracleClient):
    """KerasTuner's client, which also finds a chief again that was restarted.

    Args:
        oracle: the chief's, made anew; it only tells the objective and the number of trials.
        role: the name of this worker and the chief's address.
    """

    def __init__(self, oracle: Oracle, role: Role):
        self._oracle, self._role = oracle, role
        self.tuner_id = role.name
        self.multi_worker, self.should_report = False, True
        options = [("grpc.max_reconnect_backoff_ms", 1000)]
        channel = grpc.insecure_channel(role.address, options)
        self.stub = protos.get_service_grpc().OracleStub(channel)

    def create_trial(self, tuner_id):
        """Asks for the next trial; waits while the chief has none yet but will have one."""
        while True:
            trial = self.patiently(super().create_trial, tuner_id)
            if trial.status != TrialStatus.IDLE:
                return trial
            time.sleep(_PAUSE)

    def update_trial(self, trial_id, metrics, step=0):
        """Reports the score of a trial."""
        return self.patiently(super().update_trial, trial_id, metrics, step)

    def end_trial(self, trial):
        """Reports the end of a trial, and why it failed, which KerasTuner's messages leave out."""
        request = protos.get_service().EndTrialRequest(trial=trial.to_proto())
        reason = (trial.message or "")[-2000:].encode()
        end = functools.partial(
            self.stub.EndTrial, wait_for_ready=True, timeout=TIMEOUT, metadata=[(REASON, reason)]
        )
        self.patiently(end, request)

    def given_up(self, trial: Trial) -> bool:
        """Tells the chief that a trial goes on; returns whether the chief has given it up."""
        request = protos.get_service().GetTrialRequest(trial_id=trial.trial_id)
        try:
            answer = self.stub.GetTrial(request, timeout=5)
        except grpc.RpcError:  # a chief that is away may come back
            return False
        return Trial.from_proto(answer.trial).status == TrialStatus.FAILED

    def patiently(
        self, ask: Callable[P, Answer], *arguments: P.args, **keywords: P.kwargs
    ) -> Answer:
        """Asks the chief, and asks again while it is away, for an hour as KerasTuner does.

        Args:
            ask: sends a request.
            *arguments: of `ask`.
            **keywords: of `ask`.

        Returns:
            The answer.

        Raises:
            ChiefLostError: if the chief does not answer, or refuses.
        """
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                return ask(*arguments, **keywords)
            except grpc.RpcError as error:
                code = error.code() if isinstance(error, grpc.Call) else None
                if code not in _AWAY or time.monotonic() > end:
                    told = code.name if code else str(error)
                    does = "does not answer" if code in _AWAY else "refuses"
                    message = f"the chief at {self._role.address} {does}: {told}"
                    raise ChiefLostError(message) from error
            time.sleep(_PAUSE)
