"""A search on many machines: KerasTuner's protocol, and workers that can die.

KerasTuner's own chief waits for ever for a worker that was killed, and its clients
for minutes for a chief that was restarted.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from concurrent import futures

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer
from keras_tuner.src.distribute.oracle_client import TIMEOUT, OracleClient

from mss_keras.config import UserError
from mss_keras.experiments.search.oracles import Oracle
from mss_keras.jobs.processes import INTERRUPTED, Job

_POLL = 0.5  # s
_REASON = "reason-bin"  # gRPC's suffix for what is not ASCII
_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


class ChiefLostError(RuntimeError):
    """The chief does not answer any more."""


def role() -> tuple[str, str] | None:
    """This process's part in a search on many machines, by KerasTuner's variables.

    Returns:
        Its name, that of the chief holding `chief`, and the chief's address; or None.

    Raises:
        UserError: if some of the variables are set, not all.
    """
    values = [os.environ.get(name) for name in _VARIABLES]
    if not any(values):
        return None
    if not all(values):
        missing = [name for name, value in zip(_VARIABLES, values, strict=True) if not value]
        raise UserError(f"{', '.join(missing)}: not set, wanted all of {', '.join(_VARIABLES)}")
    name, host, port = values
    return str(name), f"{host}:{port}"


class Servicer(OracleServicer):
    """KerasTuner's, which notes when each worker was heard of last."""

    def __init__(self, oracle: Oracle):
        super().__init__(oracle)
        self.heard: dict[str, float] = {}

    def CreateTrial(self, request, context):
        """See the base class."""
        self.heard[request.tuner_id] = time.monotonic()
        return super().CreateTrial(request, context)

    def GetTrial(self, request, context):
        """What a worker asks for now and then while a trial goes on."""
        for name, trial in list(self.oracle.ongoing_trials.items()):
            if trial.trial_id == request.trial_id:
                self.heard[name] = time.monotonic()
        return super().GetTrial(request, context)

    def EndTrial(self, request, context):
        """Takes why a trial failed along, which KerasTuner's messages leave out."""
        trial = Trial.from_proto(request.trial)
        trial.message = dict(context.invocation_metadata()).get(_REASON, b"").decode()
        self.oracle.end_trial(trial)
        return protos.get_service().EndTrialResponse()


class Chief:
    """The Oracle at an address.

    Args:
        oracle: asked by the workers.
        address: `HOST:PORT`; port 0 takes a free one.

    Attributes:
        port: that is listened on.

    Raises:
        UserError: if the address cannot be taken.
    """

    def __init__(self, oracle: Oracle, address: str):
        self._oracle = oracle
        self._servicer = Servicer(oracle)
        # One thread: the Oracle is not made for more.
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=1), options=[("grpc.so_reuseport", 0)]
        )
        protos.get_service_grpc().add_OracleServicer_to_server(self._servicer, self._server)
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError:
            raise UserError(
                f"KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT: {address} cannot be listened on, "
                "wanted a free address of this machine"
            ) from None

    def serve(
        self,
        timeout: float,
        each: Callable[[], None] = lambda: None,
        local: Mapping[str, Job] | None = None,
    ) -> bool:
        """Serves until the search is over and all workers know.

        Args:
            timeout: seconds without a word after which a worker is given up.
            each: called now and then, in this thread.
            local: the workers, where there are no others. Defaults to not known.

        Returns:
            Whether the search is over; if not, all its local workers have died.

        Raises:
            KeyboardInterrupt: if that ended a local worker.
        """
        oracle, heard, start = self._oracle, self._servicer.heard, time.monotonic()
        self._server.start()
        try:
            while True:
                time.sleep(_POLL)
                now = time.monotonic()
                alone = local is not None and not any(job.alive for job in local.values())
                for name in list(oracle.tuner_ids | oracle.ongoing_trials.keys()):
                    if local and name in local and not local[name].alive:
                        if local[name].result()[1] == INTERRUPTED:
                            raise KeyboardInterrupt
                        oracle.lose(name, f"its worker {name} died")
                    elif now - heard.get(name, start) > timeout:
                        oracle.lose(name, f"its worker {name} was not heard of for {timeout:g} s")
                each()
                over = self._servicer.stop_triggered
                if oracle.exhausted:  # after a restart workers may be on their way back
                    over = over or alone or now - start > timeout
                if over and not oracle.tuner_ids and not oracle.ongoing_trials:
                    return True
                if alone and not over:
                    return False
        finally:
            self._server.stop(grace=1).wait()


class Client(OracleClient):
    """KerasTuner's, which finds a chief that was restarted, and waits where it says to."""

    def __init__(self, oracle: Oracle, name: str, address: str):
        self._oracle = oracle
        self.tuner_id = name
        self.multi_worker, self.should_report = False, True
        options = [("grpc.max_reconnect_backoff_ms", 1000)]
        self.stub = protos.get_service_grpc().OracleStub(grpc.insecure_channel(address, options))
        self._address = address

    def create_trial(self, tuner_id):
        """The next trial, once there is one."""
        while True:
            with self.patient():
                trial = super().create_trial(tuner_id)
            if trial.status != TrialStatus.IDLE:
                return trial
            time.sleep(1)

    def update_trial(self, trial_id, metrics, step=0):
        """See the base class."""
        with self.patient():
            return super().update_trial(trial_id, metrics, step)

    def end_trial(self, trial):
        """See the base class."""
        request = protos.get_service().EndTrialRequest(trial=trial.to_proto())
        reason = (trial.message or "")[-2000:].encode()
        with self.patient():
            self.stub.EndTrial(
                request, wait_for_ready=True, timeout=TIMEOUT, metadata=[(_REASON, reason)]
            )

    def given_up(self, trial: Trial) -> bool:
        """Says that a trial goes on; returns whether the chief has given it up."""
        request = protos.get_service().GetTrialRequest(trial_id=trial.trial_id)
        try:
            answer = self.stub.GetTrial(request, timeout=5)
        except grpc.RpcError:  # a chief that is away may come back
            return False
        return Trial.from_proto(answer.trial).status == TrialStatus.FAILED

    @contextlib.contextmanager
    def patient(self):
        """Turns the end of KerasTuner's patience, an hour, into a line.

        Raises:
            ChiefLostError: as said.
        """
        try:
            yield
        except grpc.RpcError as error:
            code = error.code().name if isinstance(error, grpc.Call) else str(error)
            raise ChiefLostError(f"the chief at {self._address} does not answer: {code}") from error
