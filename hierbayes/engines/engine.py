"""What every engine can be asked: whether it takes a problem, what it would cost, how it samples, what it knows.

`ENGINES` is the register. An engine is added to it by one line; nothing else chooses by name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, ClassVar, Protocol, Self

from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Expanded, Floats, Problem, Trace
from hierbayes.engines.naming import as_given


class Settings(Protocol):
    """What an engine reads of `hierbayes.sampling.sampler.Settings`."""

    @property
    def draws(self) -> int: ...
    @property
    def chains(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def threads(self) -> int: ...
    @property
    def progress(self) -> bool | None: ...
    def alone(self, seed: int) -> Self: ...


class Sampler(Protocol):
    """What an engine calls of the module `hierbayes.sampling.sampler`, which stands above the engines."""

    def run(self, compiled: Any, chosen: Any, tune: int, target_accept: float, **options: Any) -> Trace: ...
    def working(self, message: str, progress: bool | None) -> AbstractContextManager[None]: ...
    def counting(
        self, message: str, total: int, progress: bool | None
    ) -> AbstractContextManager[Callable[[], None]]: ...
    def quiet_libraries(self) -> AbstractContextManager[None]: ...
    def compile_pymc(self, model: Any, names: list[str]) -> Any: ...


class Engine(ABC):
    """A problem in the hands of one engine; everything that it prepares is made on first use and kept.

    Attributes
    ----------
    name : str
    merit : str
        Why it is chosen wherever it takes the problem; empty where the reason is that no engine before it does.
    preparing : str
        What is shown while `prepare` works; empty where there is nothing to prepare.
    labels : Labels or None
        The names of what it draws; None where nothing is sampled.
    """

    name: ClassVar[str]
    merit: ClassVar[str] = ""
    preparing: ClassVar[str] = ""

    def __init__(self, problem: Problem, labels: Labels | None = None) -> None:
        self.problem, self.labels = problem, labels

    @property
    def suited(self) -> bool:
        """Whether it is made for such responses, so that its refusal says why another engine was chosen."""
        return True

    @abstractmethod
    def refuses(self) -> str | None:
        """Return why it does not take the problem, None if it does; in no time."""

    def prepare(self) -> None:  # noqa: B027
        """Make what `cost` looks at; raises ModelError where that shows that it does not take the problem."""

    def cost(self) -> str | None:
        """Return why it would be slower than the next one, None if it is not."""
        return None

    @property
    @abstractmethod
    def walked(self) -> int:
        """Numbers that the sampler keeps of a step, warm-up included."""

    @abstractmethod
    def sample(self, chosen: Settings, sampler: Sampler) -> Trace:
        """Return draws for the columns as given, under the posterior's names."""

    def resume(self, chosen: Settings, theta: Floats | None, sampler: Sampler) -> Trace:
        """Sample on from where chains stand, `theta` of shape (chain, theta); here they start afresh."""
        return self.sample(chosen, sampler)

    def named(self, drawn: Expanded, chains: int) -> dict[str, Floats]:
        """Return draws in internal coordinates under the posterior's names, for the columns as given."""
        assert self.labels is not None
        return as_given(self.problem, self.labels, drawn, chains)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Number of levels and of columns of each block."""
        return [(block.n_levels, block.Z.shape[1]) for block in self.problem.blocks]

    @property
    def effects(self) -> int:
        """Number of group-level effects and coefficients."""
        return sum(levels * k for levels, k in self.sizes) + self.problem.p


ENGINES = (
    ("collapsed", "hierbayes.engines.collapsed.engine", "CollapsedEngine"),
    ("joint", "hierbayes.engines.joint.engine", "JointEngine"),
    ("pymc", "hierbayes.engines.pymc_engine", "PymcEngine"),
)
"""The engines in the order in which they are tried: the name of each, its module and its class."""

NAMES = tuple(name for name, _, _ in ENGINES)


def make_engine(name: str, problem: Problem, labels: Labels) -> Engine:
    """Return an engine by its name, imported on first use."""
    _, module, kind = ENGINES[NAMES.index(name)]
    engine: Engine = getattr(import_module(module), kind)(problem, labels)
    return engine
