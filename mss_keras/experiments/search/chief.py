"""The chief of a search on several machines: the Oracle at an address, asked by workers.

KerasTuner's own chief waits for ever for a worker that was killed, and its clients wait for
minutes for a chief that was restarted.
"""

import time
from collections.abc import Callable, Mapping
from concurrent import futures

import grpc
from keras_tuner.engine.trial import Trial
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from mss_keras.config import UserError, WorkFailedError
from mss_keras.experiments.search.client import REASON
from mss_keras.experiments.search.oracle import Oracle
from mss_keras.experiments.shared import result_of
from mss_keras.jobs.disk_space import want_of_space
from mss_keras.jobs.processes import Job

_POLL = 0.5  # s


class ChiefFailedError(WorkFailedError):
    """The chief cannot go on."""

    def __init__(self, reason: Exception):
        why = str(reason) or type(reason).__name__
        again = "the same command goes on, and workers keep what they have for it"
        super().__init__(f"the chief stops: {why}; {again}")


class UnknownTrialError(LookupError):
    """A worker names a trial that the search does not have."""


class Servicer(OracleServicer):
    """KerasTuner's servicer, which also notes when it last heard from each worker.

    Args:
        oracle: chooses the trials.

    Attributes:
        heard: time of the last request of each worker, s.
    """

    def __init__(self, oracle: Oracle):
        super().__init__(oracle)
        self.heard: dict[str, float] = {}

    def CreateTrial(self, request, context):
        """Gives a worker its next trial."""
        self.heard[request.tuner_id] = time.monotonic()
        return super().CreateTrial(request, context)

    def GetTrial(self, request, context):
        """Tells how a trial stands; a worker asks every few seconds while it runs the trial."""
        self._require(request.trial_id)
        for name, trial in list(self.oracle.ongoing_trials.items()):
            if trial.trial_id == request.trial_id:
                self.heard[name] = time.monotonic()
        return super().GetTrial(request, context)

    def EndTrial(self, request, context):
        """Ends a trial, and keeps why it failed."""
        self._require(request.trial.trial_id)
        trial = Trial.from_proto(request.trial)
        trial.message = (
            dict(context.invocation_metadata()).get(REASON, b"").decode(errors="replace")
        )
        self.oracle.end_trial(trial)
        return protos.get_service().EndTrialResponse()

    def UpdateTrial(self, request, context):
        """Takes over the score of a trial."""
        self._require(request.trial_id)
        return super().UpdateTrial(request, context)

    def _require(self, trial_id: str) -> None:
        if trial_id not in self.oracle.trials:
            raise UnknownTrialError(trial_id)


class Failures(grpc.ServerInterceptor):
    """Keeps the first failure of an answer; from then on, workers are told that the chief is away.

    What the Oracle holds is ahead of its files then, so that only the next chief can go on.

    Attributes:
        first: the failure, or None.
    """

    def __init__(self):
        self.first: Exception | None = None

    def intercept_service(self, continuation, handler_call_details):
        """The handler of a request, which keeps its failure."""
        handler = continuation(handler_call_details)
        if handler is None:
            return None

        def answer(request, context):
            if self.first is None:
                try:
                    return handler.unary_unary(request, context)
                except UnknownTrialError as error:
                    context.abort(grpc.StatusCode.NOT_FOUND, f"no trial {error}")
                except Exception as error:  # `Chief.serve` tells it
                    self.first = error
            context.abort(grpc.StatusCode.UNAVAILABLE, "the chief stops")

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )


class Chief:
    """Answers the workers of a search, and gives up those that are silent or dead.

    Args:
        oracle: chooses the trials.
        address: `HOST:PORT`; port 0 takes a free one.

    Attributes:
        port: port that the chief listens on.

    Raises:
        UserError: if the address cannot be listened on.
    """

    def __init__(self, oracle: Oracle, address: str):
        self._oracle = oracle
        self._servicer, self._failures = Servicer(oracle), Failures()
        # One thread: the Oracle is not made for more.
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=1),
            interceptors=[self._failures],
            options=[("grpc.so_reuseport", 0)],
        )
        protos.get_service_grpc().add_OracleServicer_to_server(self._servicer, self._server)
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError:
            raise UserError(
                "KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT",
                f"{address}, which cannot be listened on",
                "a free address of this machine",
            ) from None

    def serve(
        self,
        timeout: float,
        each: Callable[[], None] = lambda: None,
        local: Mapping[str, Job] | None = None,
    ) -> bool:
        """Serves until the search is over and all workers know it.

        Args:
            timeout: a worker that is silent for so many seconds is given up.
            each: called twice a second, in this thread. Defaults to nothing.
            local: processes of the workers by name, where all are on this machine. Defaults to
                workers elsewhere, whose processes are not known.

        Returns:
            Whether the search is over; if not, all local workers have died.

        Raises:
            ChiefFailedError: if a request cannot be answered, or the state cannot be written.
            WorkFailedError: if the disk was full for a local worker.
            KeyboardInterrupt: if Ctrl-C ended a local worker.
        """
        start = time.monotonic()
        self._server.start()
        try:
            while True:
                time.sleep(_POLL)
                if self._failures.first is not None:
                    raise ChiefFailedError(self._failures.first) from self._failures.first
                waited = time.monotonic() - start
                # Looked at first: a worker that dies from here on is given up the next time.
                alone = local is not None and not any(job.alive for job in local.values())
                self._give_up(timeout, start, local or {})
                each()
                over = self._servicer.stop_triggered
                if self._oracle.exhausted:  # after a restart, workers may be on their way back
                    over = over or alone or waited > timeout
                if over and not self._oracle.tuner_ids and not self._oracle.ongoing_trials:
                    return True
                if alone and not over:
                    return False
        except OSError as error:
            raise ChiefFailedError(error) from error
        finally:
            self._server.stop(grace=1).wait()

    def _give_up(self, timeout: float, start: float, local: Mapping[str, Job]) -> None:
        oracle, now = self._oracle, time.monotonic()
        for name in list(oracle.tuner_ids | oracle.ongoing_trials.keys()):
            if name in local and not local[name].alive:
                failure = result_of(local[name]).failure or ""
                if want_of_space(RuntimeError(failure)):  # the trial stays, for the next chief
                    raise WorkFailedError(failure)
                oracle.lose(name, f"its worker {name} died")
            elif now - self._servicer.heard.get(name, start) > timeout:
                oracle.lose(name, f"its worker {name} was silent for {timeout:g} s")
