"""CUDA graphs launch a whole evaluation at once: its kernels can take longer to launch one by one than to run."""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

Evaluate = Callable[..., tuple[Tensor, ...]]
"""Tensors -> tensors, without any decision that depends on their values."""
AGAIN = 2
"""A graph is recorded when its size of batch comes again: the rest of a plan comes only once."""


def record(evaluate: Evaluate, given: tuple[Tensor, ...]) -> Evaluate:
    """The evaluation as a CUDA graph for tensors of these sizes. It writes to the same memory each time."""
    held = tuple(tensor.clone() for tensor in given)
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(2):  # lets cuDNN choose its kernels, which is not allowed while recording
            evaluate(*held)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        found = evaluate(*held)

    def replay(*given: Tensor) -> tuple[Tensor, ...]:
        for place, tensor in zip(held, given, strict=True):
            place.copy_(tensor)
        graph.replay()
        return tuple(tensor.clone() for tensor in found)

    return replay


class Graphs:
    """Records evaluations, and replays them. Thread-safe.

    At most `most` graphs are kept, because each keeps the memory of its evaluation. If one cannot be recorded, a line
    in the log says so, and from then on nothing is recorded: evaluations run as without graphs.
    """

    def __init__(self, most: int = 4, record: Callable[[Evaluate, tuple[Tensor, ...]], Evaluate] = record) -> None:
        self.most, self.record = most, record
        self.usable = True
        self._seen: Counter[Hashable] = Counter()
        self._held: OrderedDict[Hashable, Evaluate] = OrderedDict()
        self._lock = Lock()

    def run(self, name: Hashable, evaluate: Evaluate, *given: Tensor) -> tuple[Tensor, ...]:
        """evaluate(*given). Evaluations with the same `name` must be the same function."""
        key = (name, *((tuple(tensor.shape), tensor.dtype) for tensor in given))
        with self._lock:
            held = self._graph(key, evaluate, given)
            return evaluate(*given) if held is None else held(*given)

    def _graph(self, key: Hashable, evaluate: Evaluate, given: tuple[Tensor, ...]) -> Evaluate | None:
        self._seen[key] += 1
        if not self.usable or self._seen[key] < AGAIN:
            return None
        if key not in self._held:
            try:
                self._held[key] = self.record(evaluate, given)
            except RuntimeError as error:
                self.usable = False
                self._held.clear()
                logger.warning("CUDA graphs are not used any more: %s", str(error).partition("\n")[0])
                return None
        self._held.move_to_end(key)
        while len(self._held) > self.most:
            self._held.popitem(last=False)
        return self._held[key]
