"""A worker's side of KerasTuner's protocol."""

import contextlib
import time
from collections.abc import Iterator

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_client import TIMEOUT, OracleClient

from mss_keras.config import WorkFailedError
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.search.role import Role

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
            with self.patient():
                trial = super().create_trial(tuner_id)
            if trial.status != TrialStatus.IDLE:
                return trial
            time.sleep(1)

    def update_trial(self, trial_id, metrics, step=0):
        """Reports the score of a trial."""
        with self.patient():
            return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial):
        """Reports the end of a trial, and why it failed, which KerasTuner's messages leave out."""
        request = protos.get_service().EndTrialRequest(trial=trial.to_proto())
        reason = (trial.message or "")[-2000:].encode()
        with self.patient():
            self.stub.EndTrial(
                request, wait_for_ready=True, timeout=TIMEOUT, metadata=[(REASON, reason)]
            )

    def given_up(self, trial: Trial) -> bool:
        """Tells the chief that a trial goes on; returns whether the chief has given it up."""
        request = protos.get_service().GetTrialRequest(trial_id=trial.trial_id)
        try:
            answer = self.stub.GetTrial(request, timeout=5)
        except grpc.RpcError:  # a chief that is away may come back
            return False
        return Trial.from_proto(answer.trial).status == TrialStatus.FAILED

    @contextlib.contextmanager
    def patient(self) -> Iterator[None]:
        """Turns the error at the end of KerasTuner's patience, which lasts an hour, into a line.

        Raises:
            ChiefLostError: if the chief does not answer within the block.
        """
        try:
            yield
        except grpc.RpcError as error:
            code = error.code().name if isinstance(error, grpc.Call) else str(error)
            message = f"the chief at {self._role.address} does not answer: {code}"
            raise ChiefLostError(message) from error
