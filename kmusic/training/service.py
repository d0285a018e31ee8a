"""Searching on several workers, here or on other machines, through KerasTuner's service."""

import json
import math
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from kmusic.training.desk import OwnDesk
from kmusic.training.runs import write_json
from kmusic.training.trials import wait_for

CHIEF = "chief.json"
EVERYWHERE = ("0.0.0.0", "[::]")
SILENCE = 60.0
"""Seconds without a word after which chief and worker hold each other for dead."""

THINKING = 600.0
"""Seconds that the choice of the next trial may take."""

messages, stubs = protos.get_service(), protos.get_service_grpc()


class ChiefLostError(ValueError):
    """A chief that no longer answers."""


class Service(OracleServicer):
    """KerasTuner's service, asked through a desk.

    Only numbers of trials travel: hyperparameters and outcomes are read from the folder that chief
    and workers share, since the messages would round scores to float32 and drop the reasons of
    failures.

    Args:
        desk: The desk.
    """

    def __init__(self, desk: OwnDesk) -> None:
        super().__init__(oracle=None)
        self._desk = desk
        self.seen: dict[str, float] = {}

    def CreateTrial(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """Give a worker its next trial."""
        with self._serving(request.tuner_id):
            trial = self._desk.take(request.tuner_id)
        if trial.status == "STOPPED":
            self.seen.pop(request.tuner_id, None)
        return messages.CreateTrialResponse(trial=_only_number(trial))

    def GetTrial(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Tell a worker that its trial is still its own."""
        worker = _worker(context)
        if not self._desk.holds(worker, request.trial_id):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "another worker has the trial")
        self.seen[worker] = time.monotonic()
        return messages.GetTrialResponse(trial=protos.get_proto().Trial(trial_id=request.trial_id))

    def EndTrial(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Take a trial back."""
        worker = _worker(context)
        with self._serving(worker):
            self._desk.finish(worker, request.trial.trial_id)
        return messages.EndTrialResponse()

    @contextmanager
    def _serving(self, worker: str) -> Iterator[None]:
        """Hold a worker for alive while it waits for an answer."""
        self.seen[worker] = math.inf
        try:
            yield
        finally:
            self.seen[worker] = time.monotonic()

    def silent(self) -> list[str]:
        """Name the workers that have been silent for too long."""
        now = time.monotonic()
        return [worker for worker, last in [*self.seen.items()] if now - last > SILENCE]


class RemoteDesk:
    """The desk of a chief elsewhere.

    Args:
        address: Where it listens, `host:port`.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._stub = stubs.OracleStub(grpc.insecure_channel(address))

    def take(self, worker: str) -> Trial:
        """Ask for the next trial."""
        request = messages.CreateTrialRequest(tuner_id=worker)
        return Trial.from_proto(self._ask("CreateTrial", request, worker, THINKING).trial)

    def holds(self, worker: str, number: str) -> bool:
        """Ask whether a trial is still this worker's, and be seen."""
        request = messages.GetTrialRequest(trial_id=number)
        return self._ask("GetTrial", request, worker, SILENCE) is not None

    def finish(self, worker: str, number: str) -> None:
        """Say that a trial has ended."""
        request = messages.EndTrialRequest(trial=protos.get_proto().Trial(trial_id=number))
        self._ask("EndTrial", request, worker, THINKING)

    def _ask(self, name: str, request: Any, worker: str, seconds: float) -> Any:
        """Ask the chief; `None` if it refuses.

        Raises:
            ChiefLostError: If it does not answer.
        """
        told = (("worker", worker),)
        try:
            call = getattr(self._stub, name)
            return call(request, timeout=seconds, metadata=told, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
                return None
            raise ChiefLostError(
                f"the chief at {self._address} must answer within {seconds:.0f} s; "
                f"{error.code().name}: {error.details()}"
            ) from error


@contextmanager
def serving(desk: OwnDesk, folder: Path, address: str) -> Iterator[Service]:
    """Answer workers while a block runs.

    Args:
        desk: The desk.
        folder: Folder of the search, where workers find the address in `chief.json`.
        address: Where to listen, `host:port`; port 0 takes a free one. Of the host 0.0.0.0 workers
            are told this machine's name.

    Yields:
        The service.

    Raises:
        ValueError: If nothing can listen there.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"--listen must be host:port; got {address!r}.")
    # Threads for the beats of workers while one waits for its next trial.
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=(("grpc.so_reuseport", 0),))
    service = Service(desk)
    stubs.add_OracleServicer_to_server(service, server)
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        raise ValueError(
            f"--listen must be an address that is free here; got {address}."
        ) from error
    server.start()
    reached = socket.gethostname() if host in EVERYWHERE else host
    write_json(folder / CHIEF, {"address": f"{reached}:{bound}"})
    try:
        yield service
    finally:
        (folder / CHIEF).unlink(missing_ok=True)
        server.stop(grace=5).wait()


def find_chief(folder: Path) -> str:
    """Read where the chief of a search listens, and wait for it if need be.

    Raises:
        ChiefLostError: If there is none.
    """
    if not wait_for(folder / CHIEF, SILENCE):
        raise ChiefLostError(
            f"{folder} must be led by `kmusic tune --listen`; it was not within {SILENCE:.0f} s."
        )
    return str(json.loads((folder / CHIEF).read_text(encoding="utf-8"))["address"])


def lead(
    desk: OwnDesk,
    service: Service,
    workers: Sequence[tuple[str, Any]],
    *,
    stay: bool,
    tell: Callable[[str], Any] = print,
) -> None:
    """Wait until a search is over, and pass on the trials of workers that die.

    Args:
        desk: The desk.
        service: What answers the workers.
        workers: Name and process of each worker that was started here.
        stay: Whether to wait for workers of other machines when none of these is left.
        tell: Told of workers that died.

    Raises:
        ChildProcessError: If no worker is left.
        Exception: What made the oracle fail, if anything.
    """
    alive = dict(workers)
    while desk.failure is None:
        dead = [name for name, process in alive.items() if process.poll() is not None]
        for name in {*dead, *service.silent()}:
            code = alive.pop(name).returncode if name in dead else None
            known = service.seen.pop(name, None) is not None
            number = desk.lose(name)
            if known or code:
                trial = f"; trial {int(number)} is given to another" if number else ""
                tell(f"worker {name} was lost{trial}")
        if desk.closed and not service.seen and not alive:
            return
        if not alive and not service.seen and not stay:
            raise ChildProcessError("workers must live; none is left. --resume goes on.")
        time.sleep(0.5)
    raise desk.failure


def _only_number(trial: Trial) -> Any:
    status = TrialStatus.to_proto(trial.status)
    return protos.get_proto().Trial(trial_id=trial.trial_id, status=status)


def _worker(context: Any) -> str:
    return str(dict(context.invocation_metadata())["worker"])
